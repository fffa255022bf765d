-- Purpose: find when the next reservations on some counters are looked at again, for "n units lapse at".
-- KEYS:    1 epoch pointer, 2 reservations (hash), 3 due (sorted set)
-- ARGV:    1 most entries to look at, 2... counter keys
-- Returns: JSON [due_ms or 0, ...], one per key; only the next entries are looked at, so 0 means "not soon"
-- Keeps:   writes nothing.
-- Cost:    about 1 us per entry looked at.
local wanted, answer = {}, {}
for i = 2, #ARGV do wanted[ARGV[i]] = i - 1; answer[i - 1] = 0 end
local due = redis.call('ZRANGE', KEYS[3], 0, tonumber(ARGV[1]) - 1, 'WITHSCORES')
for i = 1, #due, 2 do
  local raw = redis.call('HGET', KEYS[2], due[i])
  if raw then
    for _, line in ipairs(cjson.decode(raw)[3]) do
      local position = wanted[line[1]]
      if position and answer[position] == 0 then answer[position] = tonumber(due[i + 1]) end
    end
  end
end
return cjson.encode(answer)
