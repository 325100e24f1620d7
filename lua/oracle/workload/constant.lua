--- Evenly spaced arrivals, in stages of different rate where wanted.
local workload = require "oracle.workload"

return {
  engine = function(w, run)
    return workload.arrivals("even", w, run)
  end,
}
