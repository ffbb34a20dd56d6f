-- Stores a new job once. KEYS: job hash, open set, dirty zset, jobs zset. ARGV: id, doc, created, wake channel
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local now = redis.call('TIME')
redis.call('HSET', KEYS[1], 'version', 0, 'epoch', 0, 'mark', 1, 'doc', ARGV[2])
redis.call('SADD', KEYS[2], ARGV[1])
redis.call('ZADD', KEYS[3], now[1] + now[2] / 1e6, ARGV[1])
redis.call('ZADD', KEYS[4], ARGV[3], ARGV[1])
redis.call('PUBLISH', ARGV[4], ARGV[1])
return 1
