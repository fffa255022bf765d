-- Purpose: assign the next positions of the log to up to 500 events that have none, unless another relay was quicker.
-- Floor:   events with ids up to it are not searched. Sent: the position up to which the broker is known to have all.
-- Wait:    "off" when the commit need not wait for the disk.
-- Returns: the log's last position before, which transactions were running, and the events in order; one row of NULLs when
--          there are none.
-- Why it is written so: compare and set on event_log, so that of two relays one changes nothing; rows are found by
--          `id = ANY (array)`, never by a join, since a plan that was made while the table was nearly empty would scan it;
--          the log's one row is found by its key, because PostgreSQL before 18 gives a plan that must use a switched-off
--          method a cost of 1e10, and compiles such a plan (JIT) each time.
CREATE OR REPLACE FUNCTION number_events(p_newest bigint, p_floor bigint, p_sent bigint, p_wait text)
RETURNS TABLE (newest bigint, oldest bigint, next bigint,
               "position" bigint, id bigint, type text, key text, payload text, "time" text)
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $function$
#variable_conflict use_column
DECLARE
  v_ids bigint[];
  v_before bigint;
BEGIN
  PERFORM set_config('synchronous_commit', p_wait, true);
  v_ids := ARRAY(SELECT o.id FROM outbox o WHERE o.published_at IS NULL AND o.id > p_floor ORDER BY o.id LIMIT 500);
  SELECT l.position INTO v_before FROM event_log l WHERE l.only_row;
  IF cardinality(v_ids) > 0 THEN
    UPDATE event_log l SET position = l.position + cardinality(v_ids), sent = greatest(l.sent, p_sent)
     WHERE l.only_row AND l.position = p_newest;
    IF NOT FOUND THEN
      SELECT l.position INTO v_before FROM event_log l WHERE l.only_row;
      v_ids := '{}';
    END IF;
  END IF;
  RETURN QUERY
  WITH numbered AS (
    UPDATE outbox o SET published_at = now(), position = p_newest + array_position(v_ids, o.id)
     WHERE o.id = ANY (v_ids)
    RETURNING o.*
  )
  SELECT v_before, pg_snapshot_xmin(s.now)::text::bigint, pg_snapshot_xmax(s.now)::text::bigint,
         n.position, n.id, n.type, n.key, n.payload::text, event_time(n.created_at)
    FROM (SELECT pg_current_snapshot() AS now) AS s LEFT JOIN numbered AS n ON true
   ORDER BY n.position;
END
$function$
