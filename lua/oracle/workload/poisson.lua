--- Independent arrivals at a mean rate: exponential gaps.
local workload = require "oracle.workload"

return {
  engine = function(w, run)
    return workload.arrivals("exponential", w, run)
  end,
}
