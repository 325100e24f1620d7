--- What a result was a run of: `scenario` of a summary, by which `oracle why` runs it again.
--   { file = as it was named, digest = of its text, set = { { key, text }, ... } of --set, seed, lod, fit, force, slo,
--     format = as the command line said them }, absent what it did not say
local core = require "oracle.core"
local lazy = require "oracle.lazy"
local ordered = require "oracle.text.ordered"
local paths = lazy "oracle.text.paths"
local scenario = lazy "oracle.scenario"
local version = require "oracle.version"

local source = {}

local SAID = { "seed", "lod", "fit", "slo", "format" }

local function digest(text)
  return ("%08x:%d"):format(core.journal.crc32(text), #text)
end

--- The section, for a file.
-- @param path as it was named, @param text what the file held
-- @param set { { key, text }, ... }, @param options of the command line
-- @param force true where the fit of another chip was taken
function source.of(path, text, set, options, force)
  local pairs_list = ordered.array {}
  for i, pair in ipairs(set) do pairs_list[i] = ordered.array { pair[1], pair[2] } end
  local list = { { "file", path }, { "digest", digest(text) }, { "set", pairs_list } }
  for _, key in ipairs(SAID) do
    if options[key] ~= nil then list[#list + 1] = { key, options[key] } end
  end
  list[#list + 1] = force and { "force", true } or nil
  return ordered.object(list)
end

--- Give a summary its section, behind `oracle`.
function source.put(summary, section)
  local order, at = getmetatable(summary).__order, 1
  for i, key in ipairs(order) do
    if key == "oracle" then at = i + 1 end
  end
  table.insert(order, at, "scenario")
  summary.scenario = section
end

-- ---- a result that was saved ----

-- What other results of oracle are told by: a key, and what they are. In this order.
local OTHERS = {
  { "sensitivities", "what oracle why found" }, { "comparison", "deployments side by side" },
  { "points", "the points of a sweep, or of a scenario that varies keys" }, { "replications", "a comparison" },
  { "capacity", "a search for capacity" }, { "plans", "a plan" }, { "levels", "a comparison of levels of detail" },
  { "model_id", "measured, by vllm bench serve" }, { "mean_ttft_ms", "measured, by vllm bench serve" },
}

--- What a file of JSON is.
-- @return "result", or what else it is in words; nil: no result of oracle
function source.kind(t)
  if type(t) ~= "table" then return nil end
  for _, row in ipairs(OTHERS) do
    if t[row[1]] ~= nil then return row[2] end
  end
  local own = type(t.oracle) == "table" and t.oracle.version and type(t.latency) == "table"
  return own and "result" or nil
end

local function fail(...)
  error(string.format(...), 0)
end

-- Where the file of the scenario is: as it was named, from here or from beside the result.
local function find(name, result_path)
  for _, path in ipairs { name, paths.folder(result_path) .. "/" .. name } do
    if paths.exists(path) then return path end
  end
  return nil
end

--- What a saved result was a run of.
-- @param t the result, decoded; @param path its file's, for messages
-- @return the path of the scenario, its text, and what was said on the command line: { set =, seed =, ... }, and a
--   warning or nil; raises what is missing
function source.read(t, path)
  local said = t.scenario
  if t.oracle.complete == false then
    fail("%s: a partial result, for its run was interrupted; the result of a whole run expected", path)
  end
  if type(said) ~= "table" or type(said.file) ~= "string" then
    fail("%s: does not say which scenario it is of; one that `oracle run FILE --json` wrote expected, or the scenario",
      path)
  end
  local file = find(said.file, path)
  if not file then
    fail("%s: its scenario, %s, is not there: neither from this folder nor beside the result", path, said.file)
  end
  local text, why = scenario.read(file)
  if not text then error(why, 0) end
  if digest(text) ~= said.digest then
    fail("%s: its scenario, %s, has changed since; `oracle why %s` asks it as it is now", path, file, file)
  end
  local warning = t.oracle.version ~= version.oracle and ("%s: of oracle %s, and this is %s"):format(path,
    tostring(t.oracle.version), version.oracle) or nil
  local options = { set = {} }
  for i, pair in ipairs(type(said.set) == "table" and said.set or {}) do
    options.set[i] = { tostring(pair[1]), tostring(pair[2]) }
  end
  for _, key in ipairs(SAID) do options[key] = said[key] end
  options.force = said.force or nil
  return file, text, options, warning
end

--- Whether a run came to what a saved result says: the same latencies of the same requests.
function source.same(t, summary)
  local null = core.json.null
  for _, section in ipairs { "requests", "latency" } do
    local was = t[section]
    for _, key in ipairs(ordered.keys(summary[section])) do
      local a, b = was and was[key], summary[section][key]
      if a == null then a = nil end
      if type(b) == "table" then a, b = type(a) == "table" and a.mean or nil, b.mean end
      if a ~= b and not (type(a) == "number" and type(b) == "number" and math.abs(a - b) <= 1e-12 * math.abs(b)) then
        return false
      end
    end
  end
  return true
end

return source
