local policy = require "oracle.policy"
return policy.batching { name = "x", order = function(r) return 0 / 0 end }
