--- A fixed number of clients; each sends its next request when the last one is answered.
local keys = require "oracle.workload.parts.keys"

return {
  doc = "a fixed number of clients, each asks again when answered",
  keys = keys.drawn {
    { "concurrency", "count", min = 1, max = 8388608, required = true, doc = "clients" },
    { "think", "dist", dimension = "time", least = 0, doc = "s from an answer to the client's next request" },
    keys.COUNT, keys.DURATION,
  },
  told_by = { "concurrency" },
  engine = function(w, run)
    if not (w.count or w.duration or run.duration) then
      return nil, "count: missing; a closed loop needs an end: count or duration here, or the scenario's duration"
    end
    return { arrivals = "clients", concurrency = w.concurrency, count = w.count, duration = w.duration,
             think = w.think }
  end,
}
