--- A replica at random, each as likely as the others.
local policy = require "oracle.policy"

return policy.router {
  name = "random",

  route = function(c)
    return c:random(c:size())
  end,
}
