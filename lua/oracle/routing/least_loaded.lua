--- The replica with the fewest requests in flight, waiting and running; the first of equals.
local policy = require "oracle.policy"

return policy.router {
  name = "least_loaded",

  route = function(c)
    return c:least()
  end,
}
