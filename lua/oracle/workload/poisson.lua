--- Independent arrivals at a mean rate: exponential gaps.
local keys = require "oracle.workload.parts.keys"
local workload = require "oracle.workload"

return {
  doc = "independent arrivals",
  keys = keys.drawn { keys.varying("mean requests per second"), keys.RATE_MAX, keys.STAGES, keys.COUNT, keys.DURATION },
  shares_rate = true,
  engine = function(w, run)
    return workload.arrivals("exponential", w, run)
  end,
}
