-- Token bucket. KEYS: bucket hash. ARGV: tokens per second, burst, reserve. Returns milliseconds to wait, 0 when taken
local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6
local rate, burst, reserve = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local state = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = tonumber(state[1]) or burst
local elapsed = math.max(0, now - (tonumber(state[2]) or now))
tokens = math.min(burst, tokens + elapsed * rate)
local wait = 0
if tokens - 1 >= reserve then
  tokens = tokens - 1
else
  wait = math.ceil((reserve + 1 - tokens) / rate * 1000)
end
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at', string.format('%.6f', now))
redis.call('PEXPIRE', KEYS[1], math.ceil(burst / rate * 1000) + 60000)
return wait
