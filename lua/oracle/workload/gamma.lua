--- Gamma-distributed gaps: bursty (cv above 1) or smooth (below 1) arrivals at a mean rate.
-- `burstiness` is the gamma shape 1/cv^2, as in `vllm bench serve --burstiness`.
local keys = require "oracle.workload.parts.keys"
local workload = require "oracle.workload"

return {
  doc = "bursty arrivals",
  keys = keys.drawn {
    keys.rate("mean requests per second", { or_function = true }), keys.STAGES, keys.COUNT, keys.DURATION, keys.CV,
    { "burstiness", "number", min = 1e-6, max = 1000000,
      doc = "as in vllm bench: 1/cv^2; below 1 more bursty than poisson" },
  },
  told_by = { "cv", "burstiness" },
  shares_rate = true,
  engine = function(w, run)
    local out, why = workload.arrivals("gamma", w, run)
    if not out then return nil, why end
    if w.cv and w.burstiness then return nil, "burstiness: cv is given too; leave one out" end
    if not w.cv and not w.burstiness then return nil, "cv: missing; coefficient of variation of the gaps" end
    out.cv = w.cv or 1 / math.sqrt(w.burstiness)
    return out
  end,
}
