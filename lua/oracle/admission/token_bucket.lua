--- A token bucket: requests are served at up to a rate, after a pause a burst of them at once; the rest are turned
-- away.
-- Source: Turner, New directions in communications, IEEE Communications Magazine 24(10), 1986 (the leaky bucket as a
-- meter, which is the token bucket).
local policy = require "oracle.policy"

return policy.admission {
  name = "token_bucket",
  params = { rate = 10.0, burst = 10, per_client = false }, -- requests/s; requests; a bucket for each client

  admit = function(c, r, s)
    local p, now = s.params, c:now()
    local key = p.per_client and r.client or "all"
    s.level, s.time = s.level or {}, s.time or {}
    local level = math.min(p.burst, (s.level[key] or p.burst) + (now - (s.time[key] or now)) * p.rate)
    local yes = level >= 1
    s.level[key], s.time[key] = yes and level - 1 or level, now
    return yes
  end,
}
