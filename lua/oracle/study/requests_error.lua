--- Requests one by one: how long each took to generate, measured and predicted, of runs that tell them.
local accuracy = require "oracle.study.accuracy"
local ordered = require "oracle.text.ordered"

local requests_error = {}

--- Errors of single requests, in percent; nil where no run tells its requests.
-- @param entries of oracle.study.accuracy's table: row.requests and predicted.generation, in the same order
function requests_error.table(entries)
  local generation, first = {}, {}
  for _, e in ipairs(entries) do
    for i, r in ipairs(e.row.requests or {}) do
      local p = e.predicted.generation and e.predicted.generation[i]
      if p and r.generation and r.generation > 0 then generation[#generation + 1] = p / r.generation - 1 end
      local f = e.predicted.first and e.predicted.first[i]
      if f and r.ttft and r.ttft > 0 then first[#first + 1] = f / r.ttft - 1 end
    end
  end
  if #generation == 0 then return nil end
  return ordered.object { { "generation", accuracy.summary(generation) }, { "ttft", accuracy.summary(first) } }
end

--- The same in a line.
function requests_error.text(t)
  local g = t.generation
  return ("\nrequest by request, time to generate: %d requests, mean %.1f %%, median %.1f %%, p80 %.1f %%, "
    .. "bias %+.1f %%"):format(g.n, g.mean, g.median, g.p80, g.bias)
end

return requests_error
