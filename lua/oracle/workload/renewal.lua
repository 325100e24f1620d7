--- Arrivals with independent gaps of any distribution, in seconds.
local keys = require "oracle.workload.parts.keys"
local workload = require "oracle.workload"

return {
  doc = "independent gaps of any distribution",
  keys = keys.drawn { keys.INTER_ARRIVAL, keys.COUNT, keys.DURATION },
  told_by = { "inter_arrival" },
  engine = workload.renewals,
}
