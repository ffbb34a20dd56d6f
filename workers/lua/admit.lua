-- Takes or renews a job's place of each name, all or none. A zset per name: job id scored by when its place lapses.
-- KEYS: one zset a name. ARGV: job id, ttl seconds, then the limit of each name. Returns 0, or which name is full
local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6
for i, key in ipairs(KEYS) do
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
  if not redis.call('ZSCORE', key, ARGV[1]) and redis.call('ZCARD', key) >= tonumber(ARGV[i + 2]) then return i end
end
for _, key in ipairs(KEYS) do
  redis.call('ZADD', key, now + ARGV[2], ARGV[1])
  local last = redis.call('ZREVRANGE', key, 0, 0, 'WITHSCORES') -- the key goes with its last place
  redis.call('PEXPIREAT', key, string.format('%.0f', math.ceil(last[2] * 1000)))
end
return 0
