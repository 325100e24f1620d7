--- save(x, "x.json"): a result goes to a file, in the format that its name ends in.
local console = require "oracle.text.console"
local lazy = require "oracle.lazy"
local live = lazy "oracle.live"
local ordered = lazy "oracle.text.ordered"
local output = lazy "oracle.text.output"
local paths = lazy "oracle.text.paths"

local saving = {}

-- By the ending of the file's name: function(result) -> its text.
local FORMATS = {
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
