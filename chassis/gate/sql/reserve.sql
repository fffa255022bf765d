-- Purpose: write a batch of takes into the journal, all in one transaction, if the epoch they were taken in is still current.
-- Batch:   [{"id", "fingerprint", "nonce", "owner", "ttl_ms", "lines": [{"key", "quantity"}]}], each id once.
-- Returns: {"stale": true}, or {"now": unix ms, "existing": [reservation, ...]}: ids that are not among `existing` are new.
-- Raises:  OS001 when the guard refuses a counter; then nothing of the batch is written.
-- Why it is written so: the lock has its own statement, because only the next statement's snapshot is sure to see what the
--          rebuilder committed; counters are locked last and in key order, hence no deadlock among batches; plans are
--          generic, because planning each batch costs as much as all the rest; they are made when the tables are nearly
--          empty and kept until statistics are renewed, so no plan may depend on a table's size: rows are found by
--          `key = ANY (array)`, never by a join, and sequential scans are switched off.
CREATE OR REPLACE FUNCTION journal_reserve(p_partition integer, p_epoch bigint, p_batch jsonb) RETURNS jsonb
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $function$
DECLARE
  v_made text[];
  v_quantities jsonb;
  v_keys text[];
  v_fits bigint;
  v_existing jsonb := '[]';
BEGIN
  PERFORM pg_advisory_xact_lock_shared(7401, p_partition);
  IF p_epoch IS DISTINCT FROM (SELECT epoch FROM gate WHERE partition = p_partition) THEN
    RETURN '{"stale": true}';
  END IF;

  WITH made AS (
    INSERT INTO @reservations@ (id, partition, state, fingerprint, nonce, epoch, owner, lines, expires_at)
    SELECT b.id, p_partition, 'ACTIVE', b.fingerprint, b.nonce, p_epoch, b.owner, b.lines,
           now() + b.ttl_ms * interval '1 millisecond'
      FROM jsonb_to_recordset(p_batch)
        AS b(id text, fingerprint text, nonce text, owner text, ttl_ms bigint, lines jsonb)
     ORDER BY b.id
    ON CONFLICT (id) DO NOTHING
    RETURNING *
  ), moved AS (
    INSERT INTO @movements@ (kind, reference, key, reserved_delta)
    SELECT 'RESERVE', r.id, l.key, l.quantity FROM made r, jsonb_to_recordset(r.lines) AS l(key text, quantity bigint)
  ), told AS (
    INSERT INTO outbox (type, key, payload) SELECT '@event@.created', r.id, @payload@ FROM made r
  ), asked AS (
    SELECT l.key, sum(l.quantity) AS quantity
      FROM made r, jsonb_to_recordset(r.lines) AS l(key text, quantity bigint) GROUP BY l.key
  )
  SELECT (SELECT array_agg(id) FROM made),
         (SELECT jsonb_object_agg(key, quantity) FROM asked),
         (SELECT array_agg(key ORDER BY key) FROM asked)
    INTO v_made, v_quantities, v_keys;

  IF v_keys IS NOT NULL THEN
    PERFORM 1 FROM @levels@ s WHERE s.key = ANY (v_keys) ORDER BY s.key FOR NO KEY UPDATE;
    WITH taken AS (
      UPDATE @levels@ s SET reserved = s.reserved + (v_quantities->>s.key)::bigint, version = s.version + 1
       WHERE s.key = ANY (v_keys)
         AND s.on_hand - s.reserved - s.committed - s.unavailable + s.backorder_limit >= (v_quantities->>s.key)::bigint
      RETURNING s.*
    ), told AS (
      @tell_levels:taken:RESERVE@
    )
    SELECT count(*) INTO v_fits FROM taken;
    IF v_fits < cardinality(v_keys) THEN
      RAISE EXCEPTION 'the guard refuses: less is available than was taken' USING ERRCODE = 'OS001';
    END IF;
  END IF;

  IF coalesce(cardinality(v_made), 0) < jsonb_array_length(p_batch) THEN
    SELECT coalesce(jsonb_agg(journal_reservation(r)), '[]') INTO v_existing
      FROM @reservations@ r
     WHERE r.id = ANY (ARRAY(SELECT b->>'id' FROM jsonb_array_elements(p_batch) b))
       AND r.id <> ALL (coalesce(v_made, '{}'));
  END IF;
  RETURN jsonb_build_object('now', journal_ms(now()), 'existing', v_existing);
END
$function$
