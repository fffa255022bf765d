-- Purpose: append events to a source's streams, unless the server has lost events or another relay was quicker.
-- KEYS:    1 position of the newest event, 2... the source's streams, by partition
-- ARGV:    1 the position that the relay believes to be the newest, 2 the newest of these events, 3 fields per event, 4... per event:
--          its partition from 0, then its fields and values
-- Returns: "APPENDED", or "DIFFERS" and the newest position that the server knows, 0 for none.
-- Keeps:   nothing is appended behind a gap; full memory fails the script before its first write.
-- Cost:    about 5 us an event.
local newest = redis.call('GET', KEYS[1]) or '0'
if newest ~= ARGV[1] then return {'DIFFERS', newest} end
local words = 2 * tonumber(ARGV[3])
for at = 4, #ARGV, words + 1 do
  redis.call('XADD', KEYS[2 + tonumber(ARGV[at])], '*', unpack(ARGV, at + 1, at + words))
end
redis.call('SET', KEYS[1], ARGV[2])
return {'APPENDED'}
