--- Everyone is served.
local policy = require "oracle.policy"

return policy.admission {
  name = "always",
  admit = function() return true end,
}
