-- Purpose: read the log after a position, up to another one, in order.
-- Why it is written so: as number_events.
CREATE OR REPLACE FUNCTION read_events(p_after bigint, p_up_to bigint, p_most bigint)
RETURNS TABLE ("position" bigint, id bigint, type text, key text, payload text, "time" text)
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_sort = off AS $function$
BEGIN
  RETURN QUERY
  SELECT o.position, o.id, o.type, o.key, o.payload::text, event_time(o.created_at)
    FROM outbox o WHERE o.position > p_after AND o.position <= p_up_to ORDER BY o.position LIMIT p_most;
END
$function$
