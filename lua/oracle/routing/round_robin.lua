--- Each replica in turn.
local policy = require "oracle.policy"

return policy.router {
  name = "round_robin",

  route = function(c, _, s)
    s.last = (s.last or 0) % c:size() + 1
    return s.last
  end,
}
