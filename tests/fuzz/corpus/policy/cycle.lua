local policy = require "oracle.policy"
local q = {} q.q = q
return policy.batching { name = "x", order = function() return 1 end, params = q }
