-- Purpose: find the entries that the sweeper should look at.
-- KEYS:    1 reservations (hash), 2 due (sorted set)
-- ARGV:    1 how far ahead of now, in ms, 2 most entries
-- Returns: [now in redis ms, id, take, id, take, ...], longest due first; the take of an id without an entry is empty
-- Keeps:   writes nothing.
-- Cost:    about 2 us an entry.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local by = string.format('%.0f', now + tonumber(ARGV[1]))
local answer = {string.format('%.0f', now)}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', by, 'LIMIT', 0, ARGV[2])) do
  local raw = redis.call('HGET', KEYS[1], id)
  answer[#answer + 1] = id
  answer[#answer + 1] = raw and cjson.decode(raw)[2] or ''
end
return answer
