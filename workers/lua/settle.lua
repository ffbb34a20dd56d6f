-- Gives a claim back. KEYS: dirty zset, job hash, render key. ARGV: id, mark, owner, again in seconds or ""
-- Whoever lost the render lease meanwhile changes nothing: the newer claimant settles. Returns 1 when it was ours
if redis.call('GET', KEYS[3]) ~= ARGV[3] then return 0 end
redis.call('DEL', KEYS[3])
local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6
if redis.call('HGET', KEYS[2], 'mark') ~= ARGV[2] then
  local again = now
  if ARGV[4] ~= '' then again = now + ARGV[4] end
  redis.call('ZADD', KEYS[1], again, ARGV[1])
elseif ARGV[4] ~= '' then
  redis.call('ZADD', KEYS[1], now + ARGV[4], ARGV[1])
else
  redis.call('ZREM', KEYS[1], ARGV[1])
end
return 1
