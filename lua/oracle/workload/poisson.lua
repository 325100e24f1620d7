--- Independent arrivals at a mean rate: exponential gaps.
local workload = require "oracle.workload"

return { engine = workload.arrivals }
