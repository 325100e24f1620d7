--- Requests one by one - a CSV with a row each, as `--csv` writes it, or AIPerf's records: their arrivals and lengths
-- are asked again.
-- Prompts are taken to be unlike one another: the file holds lengths, not texts.
local aiperf_records = require "oracle.formats.measured.aiperf_records"
local load = require "oracle.formats.measured.load"
local metrics = require "oracle.scenario.metrics"
local report = require "oracle.formats.measured.report"

local NEEDS = { "arrival_time", "prompt_tokens", "output_tokens" }

local function split(line)
  local cells = {}
  for cell in (line:gsub("\r$", "") .. ","):gmatch("([^,]*),") do cells[#cells + 1] = cell end
  return cells
end

local MOST = 1e12                                         -- tokens, seconds or milliseconds

-- A cell as a number; nil where it is empty or there is no such column.
local function number(cells, at, name, line)
  local text = at[name] and cells[at[name]]
  if text == nil or text == "" then return nil end
  local n = tonumber(text)
  if not n or n < 0 or n > MOST then
    error(('line %d: %s: "%s": a number from 0 to %g expected'):format(line, name, text:sub(1, 40), MOST), 0)
  end
  return n
end

local function columns(head)
  local at = {}
  for i, name in ipairs(split(head)) do at[name] = i end
  for _, name in ipairs(NEEDS) do
    if not at[name] then error(("line 1: the column %s is missing"):format(name), 0) end
  end
  return at
end

-- The rows as { arrival =, prompt =, output =, completion =, and the latencies by short name, ms }.
local function read(text)
  if aiperf_records.is(text) then return (aiperf_records.read(text)) end
  local at, rows, line_number = nil, {}, 0
  for line in text:gmatch("[^\n]+") do
    line_number = line_number + 1
    if not at then
      at = columns(line)
    else
      local cells = split(line)
      local function cell(name) return number(cells, at, name, line_number) end
      local row = { arrival = cell("arrival_time"), prompt = cell("prompt_tokens"), output = cell("output_tokens"),
                    completion = cell("completion_time") }
      for _, latency in ipairs(metrics.LATENCIES) do row[latency.short] = latency.csv and cell(latency.csv) end
      if not (row.arrival and row.arrival >= 0 and row.prompt and row.prompt >= 1) then
        error(("line %d: arrival_time >= 0 and prompt_tokens >= 1 expected"):format(line_number), 0)
      end
      if not row.output or row.output < 1 then row.output = cell("max_output_tokens") or 1 end
      rows[#rows + 1] = row
    end
  end
  if #rows == 0 then error("holds no requests", 0) end
  table.sort(rows, function(a, b) return a.arrival < b.arrival end)
  return rows
end

local function distribution(rows, key)
  local list, sum = {}, 0
  for _, row in ipairs(rows) do
    if row[key] then
      list[#list + 1] = row[key]
      sum = sum + row[key]
    end
  end
  if #list == 0 then return {} end
  table.sort(list)
  local d = { mean = sum / #list }
  for _, p in ipairs { 50, 90, 95, 99 } do                -- by linear interpolation
    local place = 1 + (#list - 1) * p / 100
    local low = math.floor(place)
    d["p" .. p] = list[low] + (place - low) * ((list[low + 1] or list[low]) - list[low])
  end
  return d
end

local function rates(rows)
  local first, last, done, output, prompt = math.huge, 0, 0, 0, 0
  for _, row in ipairs(rows) do
    first = math.min(first, row.arrival)
    if row.completion and row.e2e then
      last, done = math.max(last, row.completion), done + 1
      output, prompt = output + row.output, prompt + row.prompt
    end
  end
  local seconds = last - first
  if seconds <= 0 then return {} end
  return { throughput = done / seconds, output_throughput = output / seconds,
           total_throughput = (output + prompt) / seconds }
end

-- The arrivals as a trace file, in the columns of Vidur's.
local function write_trace(rows)
  local path = os.tmpname()
  local f = assert(io.open(path, "w"))
  f:write("arrived_at,num_prefill_tokens,num_decode_tokens\n")
  for _, row in ipairs(rows) do
    f:write(("%.9f,%d,%d\n"):format(row.arrival - rows[1].arrival, math.tointeger(row.prompt) or 1,
      math.tointeger(row.output) or 1))
  end
  f:close()
  return path
end

local requests = {}

-- What was measured of them.
local function measured_of(rows)
  local measured = rates(rows)
  for _, latency in ipairs(metrics.LATENCIES) do measured[latency.short] = distribution(rows, latency.short) end
  return measured
end

--- The requests of a text, in order of arrival: { arrival =, completion = s or nil, prompt =, output = tokens, and the
-- latencies by short name, ms, where they were measured }; raises what is wrong, with its line.
requests.rows = read

--- What was measured of such requests.
requests.measured = measured_of

--- The requests of a text as a workload, and what was measured.
function requests.read(text)
  local rows, list = read(text), {}
  for i, row in ipairs(rows) do
    list[i] = { arrival = row.arrival - rows[1].arrival, prompt = math.tointeger(row.prompt) or math.floor(row.prompt),
                output = math.tointeger(row.output) or math.floor(row.output) }
  end
  return { kind = "requests", requests = list }, measured_of(rows)
end

--- The comparison, as oracle.formats.measured makes it.
function requests.compare(text, _, deployment)
  local rows = read(text)
  local path = write_trace(rows)
  local ok, summary = pcall(load.run, deployment, {}, { kind = "trace", path = path })
  os.remove(path)
  if not ok then error(summary, 0) end
  return report.table(load.title(("%d measured requests"):format(#rows), summary),
    load.rows(measured_of(rows), summary))
end

return requests
