local policy = require "oracle.policy"
local p = policy.batching { name = "x", order = function() return 1 end }
p.order = 5 p.every_step = "yes" p.params = 7
return p
