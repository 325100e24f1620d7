--- Two replicas at random, the less loaded of them.
-- Source: Mitzenmacher, The Power of Two Choices in Randomized Load Balancing, IEEE TPDS 12(10), 2001.
local policy = require "oracle.policy"

return policy.router {
  name = "power_of_two",

  route = function(c)
    local n = c:size()
    if n == 1 then return 1 end
    local a, b = c:random(n), c:random(n - 1)
    if b >= a then b = b + 1 end
    return c:in_flight(b) < c:in_flight(a) and b or a
  end,
}
