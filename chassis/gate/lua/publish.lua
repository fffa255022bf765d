-- Purpose: make a freshly loaded epoch the current one, unless a newer one is.
-- KEYS:    1 epoch pointer, 2 epochs (set of all epochs that have keys)
-- ARGV:    1 the new epoch
-- Returns: "NEWER", "LOST" (flushed while it was loading), or "PUBLISHED" followed by the older epochs, whose keys may be deleted
-- Keeps:   the pointer never goes back; an epoch that lost keys while it was loading lost its announcement too.
-- Cost:    constant.
local new = tonumber(ARGV[1])
if tonumber(redis.call('GET', KEYS[1]) or 0) > new then return {'NEWER'} end
if redis.call('SISMEMBER', KEYS[2], ARGV[1]) == 0 then return {'LOST'} end
redis.call('SET', KEYS[1], ARGV[1])
local answer = {'PUBLISHED'}
for _, epoch in ipairs(redis.call('SMEMBERS', KEYS[2])) do
  if tonumber(epoch) < new then answer[#answer + 1] = epoch end
end
return answer
