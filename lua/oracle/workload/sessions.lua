--- Conversations that open at a rate (or with gaps of any distribution); each turn comes a think time after
-- the answer before it and holds, unless accumulate = false, all that was said.
local conversation = require "oracle.workload.parts.conversation"
local keys = require "oracle.workload.parts.keys"
local workload = require "oracle.workload"

return {
  doc = "conversations that open at a rate; each turn waits for the answer before it",
  keys = keys.drawn({
    keys.varying("sessions that open per second"), keys.RATE_MAX, keys.STAGES, keys.CV,
    { "inter_arrival", "dist", dimension = "time", least = 0, doc = "s between two openings, in place of rate" },
    keys.COUNT, keys.DURATION,
  }, keys.TURNS),
  shares_rate = true,
  engine = function(w, run)
    local out, why
    if w.inter_arrival then
      if w.rate or w.stages or w.cv then return nil, "inter_arrival: rate, stages or cv is given too; leave one out" end
      out, why = workload.renewals(w, run)
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
