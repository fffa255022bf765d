#!lua flags=allow-oom
-- Purpose: apply changes of counters that the journal has recorded (received, counted, cancelled, expired goods).
-- KEYS:    1 epoch pointer, 2 available (hash), 3 applied (sorted set: adjustment id -> when, redis ms)
-- ARGV:    1 the epoch that the journal's transaction validated, 2 JSON [[id, key, delta, created_ms], ...], 3 memory in ms
-- Returns: "NEWER" (a rebuild has counted them), "OLDER" (try again later), or "DONE n" (n were new)
-- Keeps:   each id counts once: ids are remembered for ARGV[3] ms, and adjustments older than that are not accepted
--          (the audit finds them). Works when memory is full.
-- Cost:    about 2 us an adjustment.
local current, expected = tonumber(redis.call('GET', KEYS[1]) or 0), tonumber(ARGV[1])
if current > expected then return 'NEWER' end
if current < expected then return 'OLDER' end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local horizon = now - tonumber(ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', '(' .. string.format('%.0f', horizon))
local new = 0
for _, item in ipairs(cjson.decode(ARGV[2])) do
  local id, key, delta, created = item[1], item[2], item[3], item[4]
  if created >= horizon and not redis.call('ZSCORE', KEYS[3], id) then
    redis.call('ZADD', KEYS[3], string.format('%.0f', now), id)
    redis.call('HINCRBY', KEYS[2], key, string.format('%.0f', delta))
    new = new + 1
  end
end
return 'DONE ' .. new
