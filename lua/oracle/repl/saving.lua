--- save(x, "x.json"), save(x, "x.html"): a result goes to a file, in the format that its name ends in.
local console = require "oracle.text.console"
local lazy = require "oracle.lazy"
local html = lazy "oracle.result.html"
local live = lazy "oracle.live"
local metrics = lazy "oracle.scenario.metrics"
local ordered = lazy "oracle.text.ordered"
local output = lazy "oracle.text.output"
local paths = lazy "oracle.text.paths"
local planning = lazy "oracle.plan"
local run_page = lazy "oracle.result.run_page"
local study = lazy "oracle.study"
local sweep_page = lazy "oracle.study.pages.sweep"

local saving = {}

-- What a report draws of a run beside its result is kept only where one is asked for: it runs once more.
local function page_of_run(result)
  local s = (getmetatable(result) or {}).__scenario
  if not s then
    error("save: a report is of a whole run in which nothing was changed on its way, such as run(s.scenario)", 0)
  end
  local plan, raw = planning.plan(s), nil
  study.run(s, { plan = plan, watch = run_page.wanted(nil, plan.scenario.warm_up), done = function(r) raw = r end })
  if not raw.complete then error("interrupted", 0) end
  return run_page.document(result, raw)
end

local function page_of_points(result)
  local points = result.points
  return sweep_page.document { title = result.title or "Runs", keys = ordered.keys(points[1].set), points = points,
                               planned = #points, columns = assert(metrics.columns(nil, { 50, 90, 95, 99 })) }
end

local function page(result)
  local library, why = html.chart_library()
  if not library then error("save: " .. why, 0) end
  return assert(html.page((result.points and page_of_points or page_of_run)(result)))
end

-- By the ending of the file's name: function(result) -> its text.
local FORMATS = {
  json = function(result) return ordered.json(result) end,
  html = page,
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
