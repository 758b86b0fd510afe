#!lua
-- Sets field ARGV[1] of the hash KEYS[1] to ARGV[2] where it is absent or lower. Returns what it holds then.
local current = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or '-1')
if tonumber(ARGV[2]) > current then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
  return ARGV[2]
end
return string.format('%.0f', current)
