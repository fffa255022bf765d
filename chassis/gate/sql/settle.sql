-- Purpose: move a batch of reservations to another state, each by compare-and-set on its row: the one arbiter.
-- Batch:   [{"id", "to", "ttl_ms"}], each id once; `to` is COMMITTED, RELEASED, EXPIRED, ABORTED or EXTENDED.
--          RELEASED and ABORTED of an unknown id leave a tombstone; ABORTED touches nothing that is there.
--          EXPIRED moves only what lapsed at least `p_grace_ms` ago. EXTENDED moves expires_at to now + ttl, never back.
-- Returns: {"epoch", "now": unix ms, "rows": [reservation + "changed"]}; unknown ids are absent from `rows`.
-- Why it is written so: reservations are locked by id alone, whatever their state: asked for the active ones, the planner
--          may scan the index of all of them. Plans are generic, as in journal_reserve.
CREATE OR REPLACE FUNCTION journal_settle(p_partition integer, p_batch jsonb, p_grace_ms bigint) RETURNS jsonb
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $function$
DECLARE
  v_epoch bigint;
  v_ids text[];
  v_to text[];
  v_ttl_ms bigint[];
  v_changed text[];
  v_keys text[];
  v_quantities bigint[];
  v_committed bigint[];
  v_rows jsonb;
BEGIN
  PERFORM pg_advisory_xact_lock_shared(7401, p_partition);
  SELECT epoch INTO v_epoch FROM gate WHERE partition = p_partition;
  SELECT array_agg(b.id ORDER BY b.id), array_agg(b."to" ORDER BY b.id), array_agg(b.ttl_ms ORDER BY b.id)
    INTO v_ids, v_to, v_ttl_ms FROM jsonb_to_recordset(p_batch) AS b(id text, "to" text, ttl_ms bigint);

  WITH dead AS (
    INSERT INTO @reservations@ (id, partition, state, fingerprint, nonce, epoch, owner, lines, expires_at, ended_at)
    SELECT b.id, p_partition, 'ABORTED', '', '', v_epoch, '', '[]', now(), now()
      FROM unnest(v_ids, v_to) AS b(id, "to")
     WHERE b."to" IN ('RELEASED', 'ABORTED') AND NOT EXISTS (SELECT FROM @reservations@ r WHERE r.id = b.id)
     ORDER BY b.id
    ON CONFLICT (id) DO NOTHING
    RETURNING *
  ), told AS (
    INSERT INTO outbox (type, key, payload) SELECT '@event@.aborted', r.id, @payload@ FROM dead r
  )
  SELECT coalesce(array_agg(id), '{}') INTO v_changed FROM dead;

  PERFORM 1 FROM @reservations@ r WHERE r.id = ANY (v_ids) ORDER BY r.id FOR NO KEY UPDATE;

  WITH moved AS (
    UPDATE @reservations@ r
       SET state = CASE b."to" WHEN 'EXTENDED' THEN 'ACTIVE' ELSE b."to" END,
           ended_at = CASE b."to" WHEN 'EXTENDED' THEN NULL ELSE now() END,
           expires_at = CASE b."to" WHEN 'EXTENDED'
             THEN greatest(r.expires_at, now() + b.ttl_ms * interval '1 millisecond') ELSE r.expires_at END
      FROM unnest(v_ids, v_to, v_ttl_ms) AS b(id, "to", ttl_ms)
     WHERE r.id = b.id AND r.state = 'ACTIVE'
       AND (b."to" IN ('COMMITTED', 'RELEASED', 'EXTENDED')
            OR (b."to" = 'EXPIRED' AND r.expires_at + p_grace_ms * interval '1 millisecond' <= now()))
    RETURNING r.*, b."to" AS became
  ), told AS (
    INSERT INTO outbox (type, key, payload) SELECT '@event@.' || lower(r.became), r.id, @payload@ FROM moved r
  ), lines AS (
    SELECT r.id, r.became, l.key, l.quantity
      FROM moved r, jsonb_to_recordset(r.lines) AS l(key text, quantity bigint) WHERE r.became <> 'EXTENDED'
  ), noted AS (
    INSERT INTO @movements@ (kind, reference, key, reserved_delta, committed_delta)
    SELECT CASE became WHEN 'COMMITTED' THEN 'COMMIT' WHEN 'RELEASED' THEN 'RELEASE' ELSE 'EXPIRE' END,
           id, key, -quantity, CASE became WHEN 'COMMITTED' THEN quantity ELSE 0 END
      FROM lines
  ), sums AS (
    SELECT key, sum(quantity) AS quantity, sum(CASE became WHEN 'COMMITTED' THEN quantity ELSE 0 END) AS committed
      FROM lines GROUP BY key
  )
  SELECT v_changed || coalesce((SELECT array_agg(id) FROM moved), '{}'),
         (SELECT array_agg(key ORDER BY key) FROM sums),
         (SELECT array_agg(quantity::bigint ORDER BY key) FROM sums),
         (SELECT array_agg(committed::bigint ORDER BY key) FROM sums)
    INTO v_changed, v_keys, v_quantities, v_committed;

  IF v_keys IS NOT NULL THEN
    PERFORM 1 FROM @levels@ s WHERE s.key = ANY (v_keys) ORDER BY s.key FOR NO KEY UPDATE;
    WITH moved AS (
      UPDATE @levels@ s
         SET reserved = s.reserved - m.quantity, committed = s.committed + m.committed, version = s.version + 1
        FROM unnest(v_keys, v_quantities, v_committed) AS m(key, quantity, committed)
       WHERE s.key = m.key
      RETURNING s.*
    )
    @tell_levels:moved:SETTLE@;
  END IF;

  SELECT coalesce(jsonb_agg(journal_reservation(r) || jsonb_build_object('changed', r.id = ANY (v_changed))), '[]')
    INTO v_rows
    FROM @reservations@ r WHERE r.id = ANY (v_ids);
  RETURN jsonb_build_object('epoch', v_epoch, 'now', journal_ms(now()), 'rows', v_rows);
END
$function$
