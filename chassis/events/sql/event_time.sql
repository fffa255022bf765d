-- Purpose: an instant in the form of CloudEvents, RFC 3339 in UTC.
CREATE OR REPLACE FUNCTION event_time(p_time timestamptz) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $function$
  SELECT to_char(p_time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
$function$
