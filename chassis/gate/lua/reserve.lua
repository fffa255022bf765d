-- Purpose: claim counters for a batch of reservations; each is all or nothing, one after the other.
-- KEYS:    1 epoch pointer, 2 available (hash), 3 reservations (hash), 4 due (sorted set)
-- ARGV:    1 JSON [[id, fingerprint, take, ms until the first look, [[quantity, split 0|1, [key, ...]], ...], ttl ms], ...]
-- Returns: "STALE", or JSON, one per reservation:
--          ["taken", [[key, quantity], ...]] · ["duplicate", take, [[key, quantity], ...]] · ["reused"] ·
--          ["short", [[line from 0, most available, known 0|1], ...]]
-- Keeps:   nothing is written before everything was read and decided; the epoch below is part of the text, so that a
--          server that lost its scripts (restart, failover) returns NOSCRIPT instead of serving what it may have lost.
-- Cost:    one HMGET each for entries and counters, one write each; about 3 us a line.
local EPOCH = '@EPOCH@'
if redis.call('GET', KEYS[1]) ~= EPOCH then return 'STALE' end

local CHUNK = 2000
local function whole(number) return string.format('%.0f', number) end
local function read(hash, fields)
  local found = {}
  for first = 1, #fields, CHUNK do
    local last = math.min(first + CHUNK - 1, #fields)
    local values = redis.call('HMGET', hash, unpack(fields, first, last))
    for i = first, last do found[fields[i]] = values[i - first + 1] end
  end
  return found
end
local function write(command, key, arguments)
  for first = 1, #arguments, CHUNK do
    redis.call(command, key, unpack(arguments, first, math.min(first + CHUNK - 1, #arguments)))
  end
end

local batch = cjson.decode(ARGV[1])
local time = redis.call('TIME')  -- this server's clock: the sweeper may run on another host than the taker
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ids, keys, seen = {}, {}, {}
for i, claim in ipairs(batch) do
  ids[i] = claim[1]
  for _, line in ipairs(claim[5]) do
    for _, key in ipairs(line[3]) do
      if not seen[key] then seen[key] = true; keys[#keys + 1] = key end
    end
  end
end
local entries, left = read(KEYS[3], ids), read(KEYS[2], keys)
for key, value in pairs(left) do left[key] = value and tonumber(value) end

-- Notes units of one counter; lines that share a counter become one.
local function note(taken, key, quantity)
  for _, line in ipairs(taken) do
    if line[1] == key then line[2] = line[2] + quantity; return end
  end
  taken[#taken + 1] = {key, quantity}
end

-- Takes one line out of `mine`, this reservation's view of what is left; returns nil and the most available when short.
local function take(line, mine, taken)
  local quantity, split, most, total, known = line[1], line[2], 0, 0, 0
  for _, key in ipairs(line[3]) do
    local available = mine[key] or left[key]
    if available then
      known = 1
      if available >= quantity then
        mine[key] = available - quantity
        note(taken, key, quantity)
        return true
      end
      most, total = math.max(most, available), total + math.max(available, 0)
    end
  end
  if split == 1 and total >= quantity then
    for _, key in ipairs(line[3]) do
      local part = math.min(quantity, math.max(mine[key] or left[key] or 0, 0))
      if part > 0 then
        mine[key] = (mine[key] or left[key]) - part
        note(taken, key, part)
        quantity = quantity - part
      end
    end
    return true
  end
  return nil, split == 1 and total or most, known
end

local answers, changed, new_entries, new_due = {}, {}, {}, {}
for i, claim in ipairs(batch) do
  local id, fingerprint = claim[1], claim[2]
  if entries[id] then
    local entry = cjson.decode(entries[id])
    answers[i] = entry[1] == fingerprint and {'duplicate', entry[2], entry[3]} or {'reused'}
  else
    local mine, taken, short = {}, {}, {}
    for number, line in ipairs(claim[5]) do
      local fits, most, known = take(line, mine, taken)
      if not fits then short[#short + 1] = {number - 1, most, known} end
    end
    if #short > 0 then
      answers[i] = {'short', short}
    else
      for key, value in pairs(mine) do left[key] = value; changed[key] = true end
      entries[id] = cjson.encode({fingerprint, claim[3], taken, now + claim[6]})
      new_entries[#new_entries + 1] = id; new_entries[#new_entries + 1] = entries[id]
      new_due[#new_due + 1] = whole(now + claim[4]); new_due[#new_due + 1] = id
      answers[i] = {'taken', taken}
    end
  end
end

if #new_entries > 0 then
  local counters = {}
  for key in pairs(changed) do counters[#counters + 1] = key; counters[#counters + 1] = whole(left[key]) end
  write('HSET', KEYS[2], counters)
  write('HSET', KEYS[3], new_entries)
  write('ZADD', KEYS[4], new_due)
end
return cjson.encode(answers)
