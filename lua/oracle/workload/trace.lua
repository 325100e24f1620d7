--- Recorded arrivals from a file; the engine tells the format from the header and reads it as a stream.
local fields = require "oracle.scenario.fields"
local keys = require "oracle.workload.parts.keys"
local lazy = require "oracle.lazy"
local units = lazy "oracle.text.units"

local section = fields.section

return {
  doc = "recorded arrivals; the format is told from the header",
  keys = keys.recorded {
    { "path", "path", required = true, doc = "the file; .gz is fine" },
    keys.rate("requests per second, where the file holds no times (ShareGPT)"),
    { "characters_per_token", "number", min = 0, open = true, max = 1000, default = 4,
      doc = "where the file holds text and no counts (ShareGPT)" },
    { "rate_scale", "number", min = 0, open = true, max = 1e6, default = 1, doc = "2: arrivals twice as fast" },
    fields.seconds("from", "of the trace's own time: earlier requests are left out", { default = 0 }),
    fields.seconds("to", "of the trace's own time: later requests are left out", { open = true }), keys.COUNT,
    section { "columns", {
      { "arrival", "string", required = true, doc = "name of the column: when it arrives" },
      { "prompt", "string", required = true, doc = "tokens of the prompt" },
      { "output", "string", required = true, doc = "tokens generated" },
    }, doc = "of a CSV of your own; its rows may stand in any order" },
    section { "units", {
      { "arrival", "string", default = "s", doc = "of a number in the column: s, ms, us, ns, min, h" },
    }, doc = "of those columns" },
  },
  told_by = { "path" },
  recorded = true,
  engine = function(w, run)
    local path, why = run.find(w.path)
    if not path then return nil, ("path: %s: %s"):format(w.path, why) end
    if w.to and w.to <= w.from then return nil, ("to: %g s: later than from (%g s) expected"):format(w.to, w.from) end
    local columns
    if w.units and not w.columns then
      return nil, "units: columns = { arrival =, prompt =, output = } expected beside them"
    end
    if w.columns then
      local one, unknown = units.parse("1 " .. (w.units and w.units.arrival or "s"), "time")
      if not one then return nil, "units.arrival: " .. unknown end
      columns = { time = w.columns.arrival, prompt = w.columns.prompt, output = w.columns.output, time_unit = one }
    end
    return { arrivals = "recorded", columns = columns, path = path, rate_scale = w.rate_scale, from = w.from, to = w.to,
             count = w.count, rate = w.rate, characters_per_token = w.characters_per_token }
  end,
}
