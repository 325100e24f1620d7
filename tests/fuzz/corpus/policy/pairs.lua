local policy = require "oracle.policy"
local p = policy.batching { name = "x", order = function() return 1 end }
return setmetatable(p, { __pairs = function() while true do end end })
