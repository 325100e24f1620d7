--- Tables of many measurements, each row of which becomes a run: what kind one is, by its columns, and its rows.
--   a row   { id =, line =, model =, gpu =, engine =, version =, format = of weights, layout =, load =, arrival =,
--             lengths =, apart = why it is not counted with the others, or nil; measured = { ttft =, tpot =, e2e = ms,
--             throughput = output tokens/s }, statistic = "mean", or { metric = "mean" or "p50" }; scenario = keys as
--             plain values, cost = those of `cost` that the row tells }
local csv = require "oracle.formats.measured.csv"
local lazy = require "oracle.lazy"
local online = lazy "oracle.formats.measured.online"
local paths = lazy "oracle.text.paths"
local phase = lazy "oracle.formats.measured.phase"
local serving = lazy "oracle.formats.measured.serving"
local silicon = lazy "oracle.formats.measured.silicon"

local tables = {}

local KINDS = {
  { "silicon", silicon, "measured means (TTFT and TPOT by deployment and concurrency)" },
  { "online", online, "load stages (latencies under evenly spaced arrivals)" },
  { "serving", serving, "measured serving configurations" },
  { "phase", phase, "phases (times of a batch's prompts and of a step that decodes it)" },
}

local REQUESTS = "llm-d-requests.csv"                     -- beside a table with measured launch times

local function has_all(columns, names)
  for _, name in ipairs(names) do
    if not columns[name] then return false end
  end
  return true
end

--- What kind of table a text is, or nil; and what it is called.
function tables.kind(text)
  local columns = csv.columns(text)
  for _, k in ipairs(KINDS) do
    if has_all(columns, k[2].TELLS) then return k[1], k[3] end
  end
  if has_all(columns, serving.REQUESTS_TELL) then return "run requests", "requests of measured runs" end
  return nil
end

local function beside(path, name)
  local f = io.open(paths.folder(path) .. "/" .. name, "rb")
  local text = f and f:read "a"
  if f then f:close() end
  return text
end

-- Requests of runs: their configurations stand in a table beside them.
local function of_requests(text, path)
  local runs = serving.requests(text)
  local measured = beside(path, "measured.csv")
  if not measured then
    error("requests of runs, whose configurations are in measured.csv beside them, and there is none", 0)
  end
  local rows, skipped = serving.read(measured, runs)
  local kept, names = {}, {}
  for _, row in ipairs(rows) do
    if runs[row.id] then
      row.requests, row.apart = runs[row.id], nil
      row.scenario.workload = { kind = "requests", requests = serving.plain(runs[row.id]) }
      kept[#kept + 1], names[row.id] = row, true
    end
  end
  local out = {}
  for _, one in ipairs(skipped) do
    if runs[one[1]] then out[#out + 1], names[one[1]] = one, true end
  end
  for _, id in ipairs(serving.ids(runs)) do
    if not names[id] then out[#out + 1] = { id, "no such run in measured.csv" } end
  end
  return kept, out
end

--- The rows of a table.
-- @param kind of tables.kind, @param text, @param path the file's name
-- @return rows, and what was skipped: { { id, why }, ... }; raises what is wrong, with its line
function tables.read(kind, text, path)
  if kind == "run requests" then return of_requests(text, path) end
  for _, k in ipairs(KINDS) do
    if k[1] == kind then
      local requests
      if kind == "serving" then
        local more = beside(path, REQUESTS)
        requests = more and serving.requests(more)
      end
      return k[2].read(text, requests)
    end
  end
end

return tables
