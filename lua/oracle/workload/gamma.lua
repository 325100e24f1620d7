--- Gamma-distributed gaps: bursty (cv above 1) or smooth (below 1) arrivals at a mean rate.
-- `burstiness` is the gamma shape 1/cv^2, as in `vllm bench serve --burstiness`.
local workload = require "oracle.workload"

return {
  engine = function(w, run)
    local out, why = workload.arrivals("gamma", w, run)
    if not out then return nil, why end
    if w.cv and w.burstiness then return nil, "burstiness: cv is given too; leave one out" end
    if not w.cv and not w.burstiness then return nil, "cv: missing; coefficient of variation of the gaps" end
    out.cv = w.cv or 1 / math.sqrt(w.burstiness)
    return out
  end,
}
