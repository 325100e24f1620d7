--- Evenly spaced arrivals, in stages of different rate where wanted.
local keys = require "oracle.workload.parts.keys"
local workload = require "oracle.workload"

return {
  doc = "evenly spaced arrivals",
  keys = keys.drawn {
    keys.rate("requests per second", { or_function = true }), keys.STAGES, keys.COUNT, keys.DURATION,
  },
  shares_rate = true,
  engine = function(w, run)
    return workload.arrivals("even", w, run)
  end,
}
