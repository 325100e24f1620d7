--- The replica whose cache holds most of the prompt, unless it is much busier than the others: then the least loaded
-- one. Ties go to the less loaded, then to the first.
-- As in SGLang's router (docs, "SGLang Router", cache-aware load balancing): by cache while the loads are balanced, by
-- load where they are not, with its thresholds: more than 64 requests and 1.5 times the least loaded.
local policy = require "oracle.policy"

return policy.router {
  name = "prefix_aware",
  params = { balance_absolute = 64, balance_relative = 1.5 },

  route = function(c, _, s)
    local p = s.params or {}
    s.load = s.load or c:columns { "in_flight" }
    local least, n, in_flight = c:least(), c:replicas(s.load), s.load.in_flight
    local fewest, most = in_flight[least], 0
    for i = 1, n do most = math.max(most, in_flight[i]) end
    if most - fewest > (p.balance_absolute or 64) and most > (p.balance_relative or 1.5) * fewest then return least end
    s.match = s.match or c:columns { "prefix_match" }
    c:replicas(s.match)
    local match = s.match.prefix_match
    local best, cached = least, match[least]
    for i = 1, n do
      local tokens = match[i]
      if tokens > cached or (tokens == cached and in_flight[i] < in_flight[best]) then best, cached = i, tokens end
    end
    return best
  end,
}
