local policy = require "oracle.policy"
return policy.batching { name = "x", step = function(b, e, s)
table.move({}, "1", "99999999999999", 2) end }
