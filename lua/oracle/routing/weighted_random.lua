--- A replica at random, by weight: params.weights[i] is that of replica i, 1 where none is given.
local policy = require "oracle.policy"

return policy.router {
  name = "weighted_random",
  params = { weights = {} },

  route = function(c, _, s)
    return c:weighted(s.params.weights)
  end,
}
