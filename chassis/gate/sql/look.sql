-- Purpose: report the states of some reservations.
-- Ids:     separated by spaces; no id contains a space.
-- Returns: {"epoch", "active": ids separated by spaces, "ended": [[id, state, nonce], ...]}; unknown ids are in neither.
-- Why it is written so: of many ids nearly all are active, and for those the id suffices. The lock bars a rebuild, and the
--          second statement's snapshot sees what a rebuild has committed. Otherwise as journal_reserve.
CREATE OR REPLACE FUNCTION journal_look(p_partition integer, p_ids text) RETURNS jsonb
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $function$
DECLARE
  v_epoch bigint;
BEGIN
  PERFORM pg_advisory_xact_lock_shared(7401, p_partition);
  SELECT epoch INTO v_epoch FROM gate WHERE partition = p_partition;
  RETURN (
    SELECT jsonb_build_object(
             'epoch', v_epoch,
             'active', coalesce(string_agg(r.id, ' ') FILTER (WHERE r.state = 'ACTIVE'), ''),
             'ended', coalesce(jsonb_agg(jsonb_build_array(r.id, r.state, r.nonce)) FILTER (WHERE r.state <> 'ACTIVE'), '[]'))
      FROM @reservations@ r WHERE r.id = ANY (string_to_array(p_ids, ' ')));
END
$function$
