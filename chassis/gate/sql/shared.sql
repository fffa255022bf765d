-- Unix milliseconds of an instant. STABLE, like the functions that it calls; otherwise Postgres would not inline it.
CREATE OR REPLACE FUNCTION journal_ms(p_time timestamptz) RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE AS $function$
  SELECT (extract(epoch FROM p_time) * 1000)::bigint
$function$;

-- An instant as RFC 3339 text, as protobuf's JSON mapping requires it.
CREATE OR REPLACE FUNCTION journal_iso(p_time timestamptz) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $function$
  SELECT to_char(p_time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
$function$;

-- A reservation as the chassis reads it.
CREATE OR REPLACE FUNCTION journal_reservation(r @reservations@) RETURNS jsonb
LANGUAGE sql STABLE AS $function$
  SELECT jsonb_build_object('id', r.id, 'state', r.state, 'fingerprint', r.fingerprint, 'nonce', r.nonce,
                            'owner', r.owner, 'lines', r.lines, 'expires', journal_ms(r.expires_at),
                            'created', journal_ms(r.created_at))
$function$
