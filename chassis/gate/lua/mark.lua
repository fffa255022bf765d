#!lua flags=allow-oom
-- Purpose: remember how far the journal has come, so that the restore of a journal from a backup is detected.
-- KEYS:    1 epoch pointer, 2 mark (text)
-- ARGV:    1 the epoch, 2 the journal's mark, already committed there: "number:token"
-- Returns: "MARKED", or "OTHER" when another epoch is current
-- Keeps:   the number of an epoch's mark never goes back, and the first token of a number stays. Works when memory is full.
-- Cost:    constant.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'OTHER' end
local function number(mark) return tonumber(string.match(mark or '', '^%d+')) or 0 end
if number(redis.call('GET', KEYS[2]) or '') < number(ARGV[2]) then redis.call('SET', KEYS[2], ARGV[2]) end
return 'MARKED'
