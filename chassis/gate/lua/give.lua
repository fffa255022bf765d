#!lua flags=allow-oom
-- Purpose: settle entries of the gate after the journal decided: give back, forget, or look again later.
-- KEYS:    1 epoch pointer, 2 available (hash), 3 reservations (hash), 4 due (sorted set)
-- ARGV:    1 the epoch that the journal's transaction validated, 2 JSON [[id, take, "give"|"forget"|"later", ms, since ms | 0: now], ...]
-- Returns: "NEWER" (a rebuild has counted it), "OLDER" (the gate is behind: try again later), or "DONE n" (entries settled)
-- Keeps:   an entry is the one-time token of its take: another take of the same id is left alone. Works when memory is full.
-- Cost:    about 2 us an entry.
local current, expected = tonumber(redis.call('GET', KEYS[1]) or 0), tonumber(ARGV[1])
if current > expected then return 'NEWER' end
if current < expected then return 'OLDER' end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local settled = 0
for _, item in ipairs(cjson.decode(ARGV[2])) do
  local id, take, action = item[1], item[2], item[3]
  local raw = redis.call('HGET', KEYS[3], id)
  local entry = raw and cjson.decode(raw)
  if entry and entry[2] == take then
    if action == 'later' then
      local since = item[5] > 0 and item[5] or now
      redis.call('ZADD', KEYS[4], string.format('%.0f', since + item[4]), id)
    else
      if action == 'give' then
        for _, line in ipairs(entry[3]) do
          redis.call('HINCRBY', KEYS[2], line[1], string.format('%.0f', line[2]))
        end
      end
      redis.call('HDEL', KEYS[3], id)
      redis.call('ZREM', KEYS[4], id)
    end
    settled = settled + 1
  elseif not entry then
    redis.call('ZREM', KEYS[4], id)
  end
end
return 'DONE ' .. settled
