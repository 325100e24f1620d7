--- A workload in isolation, a generator's file or that of a scenario: loaded as a scenario loads it, its first
-- thousands of requests are drawn and answered by a server that takes 10 ms for a step, whatever that computes. Once
-- more under the same seed, and under others: the same seed is to give the same requests.
local lazy = require "oracle.lazy"
local paths = lazy "oracle.text.paths"
local planning = require "oracle.plan"
local scenario = require "oracle.scenario"
local units = lazy "oracle.text.units"
local workloads = require "oracle.workload"

local check = {}

local COUNT = 5000
local SEEDS = 3                                           -- what goes wrong by chance is met under some

-- The scenario of a file that makes one; nil: it is a generator's. Raises what is wrong with it.
local function scenario_of(path)
  local text = scenario.read(path)
  if not text or not text:find "oracle%.scenario" then return nil end
  local s, why = scenario.load(path, text)
  return s or error(why, 0)
end

-- Its workload, of which no more than `count` requests come.
local function bounded(s, count)
  local w = {}
  for k, v in pairs(workloads.in_full(scenario.raw(s).workload)) do w[k] = v end
  w.count = math.min(math.tointeger(w.count) or count, count)
  return w
end

-- made: { path =, scenario = of that file, or nil }
local function load(made, seed, count)
  local s = scenario.new {
    model = "meta-llama/Llama-3.1-8B-Instruct", hardware = "h100-sxm", seed = seed,
    cost = { kind = "constant", constant_step = 0.01 },
    engine = { max_num_seqs = 1024, max_num_batched_tokens = 8192, num_gpu_blocks_override = 10000000 },
    workload = made.scenario and bounded(made.scenario, count)
      or { kind = "generator", path = made.path, count = count },
  }
  if made.scenario then scenario.origin(s).folder = scenario.origin(made.scenario).folder end
  return s
end

local function fields_of(line)
  local out = {}
  for field in (line .. ","):gmatch "([^,]*)," do out[#out + 1] = field end
  return out
end

-- Running mean, deviation and range of a column.
local function column()
  return { n = 0, sum = 0, squares = 0, least = math.huge, most = -math.huge }
end

local function add(c, v)
  c.n, c.sum, c.squares = c.n + 1, c.sum + v, c.squares + v * v
  c.least, c.most = math.min(c.least, v), math.max(c.most, v)
end

local function mean(c)
  return c.n > 0 and c.sum / c.n or 0
end

-- What the rows of the requests' CSV say.
local function read(text)
  local header, times, got = nil, {}, { prompt = column(), output = column(), gap = column(), not_served = 0 }
  for line in text:gmatch "[^\n]+" do
    local row = fields_of(line)
    if not header then
      header = {}
      for i, name in ipairs(row) do header[name] = i end
    else
      times[#times + 1] = tonumber(row[header.arrival_time])
      add(got.prompt, tonumber(row[header.prompt_tokens]))
      if row[header.status] == "SUCCESS" then
        add(got.output, tonumber(row[header.output_tokens]))
      else
        got.not_served = got.not_served + 1
      end
    end
  end
  table.sort(times)
  for i = 2, #times do add(got.gap, times[i] - times[i - 1]) end
  got.count, got.first, got.last = #times, times[1], times[#times]
  return got
end

-- The rows of one run as text, and what ended it early, or nil.
local function draw(made, seed, count)
  local path = os.tmpname()
  local ok, why = pcall(function()
    local raw = planning.simulate(planning.plan(load(made, seed, count)), { csv = path })
    if not raw.complete then error("interrupted", 0) end
  end)
  if not ok then collectgarbage() end                     -- its simulation goes, and the file is whole
  local f = io.open(path)
  local text = f and f:read "a" or ""
  if f then f:close() end
  os.remove(path)
  if not ok and why == "interrupted" then error(why, 0) end
  return text, not ok and scenario.first_line(why) or nil
end

-- Where in the file: two seeds say the same of one line.
local function fault(report, seed, what)
  local told = what:match "^at t=.-: (.*)$" or what
  told = told:gsub("got %S+", "got"):gsub("from %S+ s to %S+ s", "")
  if report.met[told] then return end
  report.met[told] = true
  report.faults[#report.faults + 1] = { seed = seed, what = what }
end

--- Check a workload.
-- @param file its path
-- @param options { seed = the first of those it runs under, 1; count = requests of each, progress = function,
--   stopped = function() -> true once the user wants it to end, which raises }
-- @return { name =, good =, faults = { { seed =, what = one line } }, count = requests that came, ended = before the
--   count, gap =, prompt =, output = { n =, sum =, squares =, least =, most = }, repeats = the same seed gave the same
--   rows, varies = another gave others, not_served = }
function check.run(file, options)
  local path, why = paths.find(file, nil, true)
  if not path then error(("%s: %s"):format(file, why), 0) end
  local report = { name = file, faults = {}, met = {} }
  local first, most = options.seed or 1, options.count or COUNT
  local texts, made = {}, { path = path, scenario = scenario_of(path) }
  for i = 0, SEEDS do
    local seed = first + i % SEEDS                        -- the first one once more at the end
    local text, wrong = draw(made, seed, most)
    if wrong then fault(report, seed, wrong) end
    texts[i] = text
    if options.progress then options.progress(0, 0, i + 1, SEEDS + 1) end
    if options.stopped and options.stopped() then error("interrupted", 0) end
  end
  for k, v in pairs(read(texts[0])) do report[k] = v end
  report.ended = report.count < most
  report.repeats, report.varies = texts[0] == texts[SEEDS], texts[0] ~= texts[1]
  if #report.faults == 0 then
    if report.count == 0 then fault(report, first, path .. ": no request comes") end
    if not report.repeats then
      fault(report, first, path .. ": run twice under one seed it gives other requests; what it keeps belongs into g")
    end
    if report.count == most and report.first == report.last then
      fault(report, first, ("%s: the first %d requests come at %g s; a gap is missing"):format(path, most, report.last))
    end
  end
  report.good = #report.faults == 0
  return report
end

local function line(label, text)
  return ("%-22s %s\n"):format(label, text)
end

local function tokens(c)
  return ("%.1f tokens in the mean, %d to %d"):format(mean(c), c.least, c.most)
end

--- The report for people.
function check.text(report)
  local out = { line("workload", report.name) }
  if report.count > 0 then
    local gap = report.gap
    out[#out + 1] = line("requests", ("%s, %s, in %.6g s"):format(units.thousands(report.count),
      not report.ended and "the first of more" or report.good and "then it ends" or "before it fails", report.last))
    if gap.n > 0 then
      local variance = math.max(0, gap.squares / gap.n - mean(gap) ^ 2)
      out[#out + 1] = line("gap", ("%.6g s in the mean, cv %.2f"):format(mean(gap),
        gap.sum > 0 and math.sqrt(variance) / mean(gap) or 0))
    end
    out[#out + 1] = line("prompt", tokens(report.prompt))
    if report.output.n > 0 then out[#out + 1] = line("output", tokens(report.output)) end
    if report.not_served > 0 then
      out[#out + 1] = line("not served", ("%s of them: too long for a context of 131,072, cancelled, or timed out")
        :format(units.thousands(report.not_served)))
    end
    out[#out + 1] = line("same seed", report.repeats and "the same requests" or "OTHER requests")
    out[#out + 1] = line("another seed", report.varies and "other requests" or "the same requests: nothing is drawn")
  end
  for _, f in ipairs(report.faults) do out[#out + 1] = line("FAULT under seed " .. f.seed, f.what) end
  out[#out + 1] = line("rules", report.good and "kept" or
    ("broken in %d place%s"):format(#report.faults, #report.faults > 1 and "s" or ""))
  return table.concat(out)
end

return check
