--- Requests that the scenario's processes send: cluster:send { prompt = 100, output = 20 } (docs/processes.md).
--   workload = oracle.workload.sent {}
local fields = require "oracle.scenario.fields"

-- What comes back of them is listed in `answers`, for oracle.plan.processes to tell.
local function form(w)
  local answers = {}
  return { arrivals = "sent", shares = w.shares, name = w.name, answers = answers, generator = {
    classes = w.classes, answered = function(_, request) answers[#answers + 1] = request end,
  } }
end

return {
  doc = "requests that processes of the scenario send",
  keys = {
    { "classes", "list", of = { type = "string" }, doc = "names that requests may be counted under" },
    { "shares", "boolean", default = true, doc = "requests say what their prompts share (prefix, text)" },
    fields.seconds("timeout", "from arrival until the client gives up", { open = true }),
    { "name", "string", doc = "of the profile in results" },
  },
  engine = function(w)
    local out = form(w)
    out.again = function() return form(w) end
    return out
  end,
}
