--- Evenly spaced arrivals, in stages of different rate where wanted.
local workload = require "oracle.workload"

return { engine = workload.arrivals }
