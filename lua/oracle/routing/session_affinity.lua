--- The later turns of a session go where the turn before was served, for its history is cached there; everyone else,
-- and sessions whose replica is gone, to each replica in turn.
local policy = require "oracle.policy"

return policy.router {
  name = "session_affinity",

  route = function(c, _, s)
    local home = c:last_replica()
    if home then return home end
    s.last = (s.last or 0) % c:size() + 1
    return s.last
  end,
}
