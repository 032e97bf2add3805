-- What one client was granted within the last minute, over all servers: counted and decided at once.
--
-- KEYS[1] is the client's window, ARGV[1] the limit. The answer is how many more would be granted,
-- after how many microseconds a silent client has its full quota back, and after how many one more is
-- granted, or -1 for a request that was granted.
--
-- A sub-window takes all that is granted within half a second of its first grant, and is forgotten as
-- a whole a minute after its last: whatever is rounded is rounded against the client. 121 are kept at
-- most. All times are Redis' own, in microseconds.

local WINDOW_US = 60000000
local SUB_WINDOW_US = 500000

local limit = tonumber(ARGV[1])
local time = redis.call('TIME')
local now_us = tonumber(time[1]) * 1000000 + tonumber(time[2])

-- began_us of the newest sub-window, and of all of them, the oldest first, when something was granted
-- last and how much.
local window = {0}
local kept = redis.call('GET', KEYS[1])
if kept then
  window = cmsgpack.unpack(kept)
end

local count = #window
-- A clock that was set back must not give anybody a second quota.
if count > 1 and window[count - 1] > now_us then
  now_us = window[count - 1]
end

local standing = {window[1]}
local granted = 0
for at = 2, count, 2 do
  if now_us - window[at] < WINDOW_US then
    standing[#standing + 1] = window[at]
    standing[#standing + 1] = window[at + 1]
    granted = granted + window[at + 1]
  end
end

local refused_for_us = -1
if granted >= limit then
  -- The limit may have been higher before: as many sub-windows must go as bring it below.
  local left = granted
  for at = 2, #standing, 2 do
    left = left - standing[at + 1]
    if left < limit then
      refused_for_us = WINDOW_US - (now_us - standing[at])
      break
    end
  end
else
  local newest = #standing - 1
  if newest > 1 and now_us - standing[1] < SUB_WINDOW_US then
    standing[newest] = now_us
    standing[newest + 1] = standing[newest + 1] + 1
  else
    standing[1] = now_us
    standing[#standing + 1] = now_us
    standing[#standing + 1] = 1
  end
  granted = granted + 1
  redis.call('SET', KEYS[1], cmsgpack.pack(standing), 'PX', 60500)
end

local full_in_us = 0
if #standing > 1 then
  full_in_us = WINDOW_US - (now_us - standing[#standing - 1])
end
return {math.max(limit - granted, 0), full_in_us, refused_for_us}
