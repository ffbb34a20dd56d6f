-- Compare-and-set of one job record; marks its thread dirty and wakes the bots.
-- KEYS: job hash, open set, dirty zset
-- ARGV: id, expected version, epoch or "", new doc, final "1"|"0", wake channel, retention seconds
-- Returns the new version, -1 gone, -2 version moved on, -3 stale epoch
local version = redis.call('HGET', KEYS[1], 'version')
if not version then return -1 end
if ARGV[3] ~= '' and redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[3] then return -3 end
if version ~= ARGV[2] then return -2 end
local now = redis.call('TIME')
redis.call('HSET', KEYS[1], 'version', version + 1, 'doc', ARGV[4])
redis.call('HINCRBY', KEYS[1], 'mark', 1)
if ARGV[5] == '1' then
  redis.call('SREM', KEYS[2], ARGV[1])
  redis.call('EXPIRE', KEYS[1], ARGV[7])
end
redis.call('ZADD', KEYS[3], now[1] + now[2] / 1e6, ARGV[1])
redis.call('PUBLISH', ARGV[6], ARGV[1])
return version + 1
