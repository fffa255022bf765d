-- Purpose: move a batch of reservations to another state, each by compare-and-set on its row, which alone decides.
-- Batch:   [{"id", "to", "ttl_ms", "owner", "forced"}], each id once; `to` is COMMITTED, RELEASED, EXPIRED, ABORTED or EXTENDED.
--          RELEASED and ABORTED of an unknown id leave a tombstone of `owner`; ABORTED changes no existing row.
--          `owner`, if given, must be the row's, unless the row has none; otherwise nothing changes. `forced` is a person's
--          reason, which the event repeats.
--          EXPIRED moves only reservations that expired at least `p_grace_ms` ago. EXTENDED moves expires_at to now + ttl, never back.
-- Returns: {"epoch", "now": unix ms, "rows": [reservation + "changed"]}; unknown ids are absent from `rows`.
-- Why it is written so: as journal_reserve; and active rows are found by `ended_at`, since a condition on `state` would
--          let the planner scan the index of all reservations that may expire.
CREATE OR REPLACE FUNCTION journal_settle(p_partition integer, p_batch jsonb, p_grace_ms bigint) RETURNS jsonb
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $function$
DECLARE
  v_epoch bigint;
  v_ids text[];
  v_to jsonb;
  v_ttl_ms jsonb;
  v_owner jsonb;
  v_forced jsonb;
  v_changed text[];
  v_keys text[];
  v_quantities jsonb;
  v_committed jsonb;
  v_rows jsonb;
BEGIN
  PERFORM pg_advisory_xact_lock_shared(7401, p_partition);
  SELECT epoch INTO v_epoch FROM gate WHERE partition = p_partition;
  SELECT array_agg(b.id ORDER BY b.id), jsonb_object_agg(b.id, b."to"), jsonb_object_agg(b.id, b.ttl_ms),
         jsonb_object_agg(b.id, b.owner) FILTER (WHERE b.owner IS NOT NULL),
         jsonb_object_agg(b.id, jsonb_build_object('forced_reason', b.forced)) FILTER (WHERE b.forced IS NOT NULL)
    INTO v_ids, v_to, v_ttl_ms, v_owner, v_forced
    FROM jsonb_to_recordset(p_batch) AS b(id text, "to" text, ttl_ms bigint, owner text, forced text);

  WITH dead AS (
    INSERT INTO @reservations@ (id, partition, state, fingerprint, nonce, epoch, owner, lines, expires_at, ended_at)
    SELECT b.id, p_partition, 'ABORTED', '', '', v_epoch, coalesce(v_owner->>b.id, ''), '[]', now(), now()
      FROM unnest(v_ids) AS b(id)
     WHERE v_to->>b.id IN ('RELEASED', 'ABORTED')
     ORDER BY b.id
    ON CONFLICT (id) DO NOTHING
    RETURNING *
  ), told AS (
    INSERT INTO outbox (type, key, payload) SELECT '@event@.aborted', r.id, @payload@ || coalesce(v_forced->r.id, '{}') FROM dead r
  )
  SELECT coalesce(array_agg(id), '{}') INTO v_changed FROM dead;

  PERFORM 1 FROM @reservations@ r WHERE r.id = ANY (v_ids) ORDER BY r.id FOR NO KEY UPDATE;

  WITH moved AS (
    UPDATE @reservations@ r
       SET state = CASE v_to->>r.id WHEN 'EXTENDED' THEN 'ACTIVE' ELSE v_to->>r.id END,
           ended_at = CASE v_to->>r.id WHEN 'EXTENDED' THEN NULL ELSE now() END,
           expires_at = CASE v_to->>r.id WHEN 'EXTENDED'
             THEN greatest(r.expires_at, now() + (v_ttl_ms->>r.id)::bigint * interval '1 millisecond') ELSE r.expires_at END
     WHERE r.id = ANY (v_ids) AND r.ended_at IS NULL
       AND (r.owner = '' OR r.owner = coalesce(v_owner->>r.id, r.owner))
       AND (v_to->>r.id IN ('COMMITTED', 'RELEASED', 'EXTENDED')
            OR (v_to->>r.id = 'EXPIRED' AND r.expires_at + p_grace_ms * interval '1 millisecond' <= now()))
    RETURNING r.*, v_to->>r.id AS became
  ), told AS (
    INSERT INTO outbox (type, key, payload) SELECT '@event@.' || lower(r.became), r.id, @payload@ || coalesce(v_forced->r.id, '{}') FROM moved r
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
         (SELECT jsonb_object_agg(key, quantity) FROM sums),
         (SELECT jsonb_object_agg(key, committed) FROM sums)
    INTO v_changed, v_keys, v_quantities, v_committed;

  IF v_keys IS NOT NULL THEN
    PERFORM 1 FROM @levels@ s WHERE s.key = ANY (v_keys) ORDER BY s.key FOR NO KEY UPDATE;
    WITH moved AS (
      UPDATE @levels@ s
         SET reserved = s.reserved - (v_quantities->>s.key)::bigint,
             committed = s.committed + (v_committed->>s.key)::bigint,
             version = s.version + 1
       WHERE s.key = ANY (v_keys)
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
