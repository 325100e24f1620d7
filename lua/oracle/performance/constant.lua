--- A fixed time per step: queueing theory's server.
return function(c, context)
  if not c.constant_step then error("cost.constant_step: missing; the time of a step, such as \"10 ms\"", 0) end
  local out, about = require "oracle.performance.roofline"(c, context)
  out.kind = "constant"
  return out, about
end
