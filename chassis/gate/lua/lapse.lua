-- Purpose: find when the next reservations on some counters expire, as far as the gate knows: a hint for people.
-- KEYS:    1 epoch pointer, 2 reservations (hash), 3 due (sorted set)
-- ARGV:    1 most entries to look at, 2... counter keys
-- Returns: JSON [expires_ms or 0, ...], one per key; only the next due entries are looked at, so 0 means "not soon"
-- Keeps:   writes nothing.
-- Cost:    about 1 us per entry looked at.
local wanted, answer = {}, {}
for i = 2, #ARGV do wanted[ARGV[i]] = i - 1; answer[i - 1] = 0 end
local due = redis.call('ZRANGE', KEYS[3], 0, tonumber(ARGV[1]) - 1)
for _, id in ipairs(due) do
  local raw = redis.call('HGET', KEYS[2], id)
  local entry = raw and cjson.decode(raw)
  for _, line in ipairs(entry and entry[3] or {}) do
    local position = wanted[line[1]]
    if position and (answer[position] == 0 or entry[4] < answer[position]) then answer[position] = entry[4] end
  end
end
return cjson.encode(answer)
