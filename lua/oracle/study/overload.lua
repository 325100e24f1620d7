--- Stages of load that a deployment could not carry: what share of the requests failed, measured and predicted. The
-- clients of such a measurement give up after a while, and so do the simulated ones (`timeout` of the workload): a
-- queue that grows makes every request fail that comes after the wait has reached it, however fast it is served then.
-- So the share says when that was, and a rate of service that is off by a tenth moves it a long way.
local console = require "oracle.text.console"
local ordered = require "oracle.text.ordered"

local overload = {}

-- What is told of a measured overload.
local function one(e)
  local p, row = e.predicted, e.row
  local failed = p.requests and p.requests.total > 0 and p.requests.timed_out / p.requests.total or 0
  return ordered.object {
    { "id", row.id }, { "predicted_as_overload", failed > 0 or p.saturated == true },
    { "failed_pct", ordered.object { { "measured", 100 * row.failed_share }, { "predicted", 100 * failed } } },
    { "served_rps", ordered.object {
      { "measured", row.served },
      { "predicted", p.requests and p.duration > 0 and p.requests.successful / p.duration or nil } } },
    { "tpot_ms", ordered.object { { "measured", row.measured.tpot }, { "predicted", p.tpot and p.tpot.mean } } },
  }
end

--- The overloads among rows; nil where there are none.
-- @param entries of oracle.study.accuracy's table; row.failed_share tells them
function overload.table(entries)
  local list = {}
  for _, e in ipairs(entries) do
    if (e.row.failed_share or 0) > 0 then list[#list + 1] = one(e) end
  end
  return #list > 0 and ordered.array(list) or nil
end

local function figure(v, format) return v and (format or "%.1f"):format(v) or "-" end

--- The same for people.
function overload.text(t)
  local rows, seen = {}, 0
  for i, r in ipairs(t) do
    seen = seen + (r.predicted_as_overload and 1 or 0)
    rows[i] = { r.id, figure(r.failed_pct.measured), figure(r.failed_pct.predicted),
                figure(r.served_rps.measured, "%.2f"), figure(r.served_rps.predicted, "%.2f"),
                figure(r.tpot_ms.measured), figure(r.tpot_ms.predicted),
                r.predicted_as_overload and "yes" or "no" }
  end
  return ("\noverloads, measured and predicted: %d of %d predicted as such\n"):format(seen, #t) .. console.table(
    { "", "failed (%)", "", "served (req/s)", "", "TPOT (ms)", "", "overload" }, rows)
end

return overload
