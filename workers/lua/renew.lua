-- Renews (ttl > 0) or releases (ttl 0) a lease that is still ours. KEYS: job hash, leases zset
-- ARGV: id, owner, epoch, ttl seconds. Returns 1 when it was ours
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[2] or redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[3] then
  return 0
end
if not redis.call('ZSCORE', KEYS[2], ARGV[1]) then return 0 end
if tonumber(ARGV[4]) <= 0 then
  redis.call('ZREM', KEYS[2], ARGV[1])
  return 1
end
local time = redis.call('TIME')
redis.call('ZADD', KEYS[2], time[1] + time[2] / 1e6 + ARGV[4], ARGV[1])
return 1
