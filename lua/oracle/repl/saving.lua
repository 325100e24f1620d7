--- save(x, "x.json"), save(x, "x.html"): a result goes to a file, in the format that its name ends in.
local console = require "oracle.text.console"
local lazy = require "oracle.lazy"
local html = lazy "oracle.result.html"
local live = lazy "oracle.live"
local ordered = lazy "oracle.text.ordered"
local output = lazy "oracle.text.output"
local paths = lazy "oracle.text.paths"
local pictures = lazy "oracle.result.pictures"
local run_page = lazy "oracle.result.run_page"
local sweep_page = lazy "oracle.study.pages.sweep"

local saving = {}

-- The page of a result: of what is kept beside it, its distributions and what happened over time are drawn.
local function page(result)
  if result.points then return sweep_page.of_points(result) end
  local meta, columns, now = getmetatable(result) or {}, {}, result.simulation.total_duration_s
  for _, name in ipairs(meta.__series and { "queue", "running", "kv", "finished" } or {}) do
    columns[#columns + 1] = meta.__series[name]
  end
  return run_page.document(result, { now = now, latency = meta.__latency }, pictures.of_columns(columns, now))
end

-- By the ending of the file's name: function(result) -> its text.
local FORMATS = {
  html = function(result)
    local text, why = html.page(page(result))
    return text or error("save: " .. why, 0)
  end,
  json = function(result) return ordered.json(result) end,
}

local function endings()
  local list = ordered.keys(FORMATS)
  for i, ending in ipairs(list) do list[i] = "." .. ending end
  return table.concat(list, " or ")
end

local function is_result(v)
  return type(v) == "table" and (rawget(v, "oracle") and rawget(v, "latency") or rawget(v, "points"))
end

--- Write it.
-- @param what a result, one of many points, or a live simulation, of which what was measured so far is written
-- @param options { force = true to replace a file that is there }
-- @return a line that says so; raises why not
function saving.save(what, path, options)
  if live.is(what) then what = what:result() end
  if type(path) ~= "string" or path == "" then
    error("save: save(result, \"x.json\") expected, or save \"x.json\" of the last result", 0)
  end
  if not is_result(what) then
    error(("save: a result or a simulation expected, got %s"):format(what == nil and "none" or console.plain(what)), 0)
  end
  local write = FORMATS[path:match "%.(%w+)$"]
  if not write then error(("save: %s: a name that ends in %s expected"):format(path, endings()), 0) end
  if paths.exists(path) and not (type(options) == "table" and options.force) then
    error(("save: %s: is there already; save(x, %q, { force = true }) replaces it"):format(path, path), 0)
  end
  output.write_file(path, write(what))
  return ("%s written\n"):format(path)
end

return saving
