-- Claims dirty jobs, oldest first, each under a render lease. KEYS: dirty zset
-- ARGV: owner, ttl milliseconds, limit, job key prefix, render key prefix. Returns {id, mark, id, mark, …}
local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6
local claimed = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 500)) do
  if #claimed / 2 >= tonumber(ARGV[3]) then break end
  local mark = redis.call('HGET', ARGV[4] .. id, 'mark')
  if not mark then
    redis.call('ZREM', KEYS[1], id)
  elseif redis.call('SET', ARGV[5] .. id, ARGV[1], 'NX', 'PX', ARGV[2]) then
    claimed[#claimed + 1] = id
    claimed[#claimed + 1] = mark
  end
end
return claimed
