-- Takes a job's lease unless it is held. KEYS: job hash, leases zset. ARGV: id, owner, ttl seconds
-- Returns the new epoch, 0 while another holds it, -1 when there is no such job
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('ZREM', KEYS[2], ARGV[1]) -- else every worker would find it lapsed for ever
  return -1
end
local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6
local expiry = redis.call('ZSCORE', KEYS[2], ARGV[1])
if expiry and tonumber(expiry) > now then return 0 end
local epoch = redis.call('HINCRBY', KEYS[1], 'epoch', 1)
redis.call('HSET', KEYS[1], 'owner', ARGV[2])
redis.call('ZADD', KEYS[2], now + ARGV[3], ARGV[1])
return epoch
