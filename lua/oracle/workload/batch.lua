--- All requests at time 0, as an offline job sends them.
local keys = require "oracle.workload.parts.keys"

return {
  doc = "all requests at time 0",
  keys = keys.drawn {
    { "count", "count", dimension = "requests", min = 1, max = 1000000000, required = true, doc = "requests" },
  },
  engine = function(w)
    return { arrivals = "at_once", count = w.count }
  end,
}
