--- The replica whose cache holds most of the prompt, unless it is much busier than the others: then the least loaded
-- one. Ties go to the less loaded, then to the first.
-- As in SGLang's router (docs, "SGLang Router", cache-aware load balancing): by cache while the loads are balanced, by
-- load where they are not, with its thresholds: more than 64 requests and 1.5 times the least loaded.
local policy = require "oracle.policy"

local BUSIEST, CACHED = { in_flight = 1 }, { prefix_match = 1, ties = { in_flight = -1 } }

return policy.router {
  name = "prefix_aware",
  params = { balance_absolute = 64, balance_relative = 1.5 },

  route = function(c, _, s)
    local least, p = c:least(), s.params
    local fewest, most = c:in_flight(least), c:in_flight(c:best(BUSIEST))
    if most - fewest > p.balance_absolute and most > p.balance_relative * fewest then return least end
    return c:best(CACHED)
  end,
}
