--- Conversations that open at a rate (or with gaps of any distribution); each turn comes a think time after
-- the answer before it and holds, unless accumulate = false, all that was said.
local conversation = require "oracle.workload.conversation"
local workload = require "oracle.workload"

return {
  engine = function(w, run)
    local out, why
    if w.inter_arrival then
      if w.rate or w.stages or w.cv then return nil, "inter_arrival: rate, stages or cv is given too; leave one out" end
      out, why = require("oracle.workload.renewal").engine(w, run)
    else
      out, why = workload.arrivals(w.cv and "gamma" or "exponential", w, run)
      if out then out.cv = w.cv end
    end
    if not out then return nil, why end
    out.conversation, why = conversation.engine(w, "")
    if not out.conversation then return nil, why end
    return out
  end,
}
