--- `oracle calibrate DATA... -o FILE`: measurements to a fit of the cost model.
local accuracy = require "oracle.study.accuracy"
local calibrate = require "oracle.study.calibrate"
local catalog = require "oracle.models.catalog"
local collective_rows = require "oracle.formats.measured.collective_rows"
local core = require "oracle.core"
local csv = require "oracle.formats.measured.csv"
local file = require "oracle.study.calibrate.file"
local files = require "oracle.command.files"
local fits = require "oracle.models.fits"
local kernel_layer = require "oracle.study.calibrate.kernels"
local latency_unit = require "oracle.text.latency_unit"
local names = require "oracle.formats.measured.names"
local ordered = require "oracle.text.ordered"
local outcome = require "oracle.study.calibrate.outcome"
local output = require "oracle.text.output"
local paths = require "oracle.text.paths"
local prediction = require "oracle.study.prediction"
local priced = require "oracle.study.calibrate.priced"
local scenario = require "oracle.scenario"
local sources = require "oracle.formats.measured.sources"
local space = require "oracle.study.calibrate.space"
local ui = require "oracle.command.ui"

local command = {}

local ENGINES = { "sglang", "trtllm", "vllm" }
-- Chips that kernel tables are of.
local MEASURED = { hopper = true, blackwell = true, ampere = true, ada = true }
local OPEN_WEIGHT = 3                                     -- of a stage of steady load, which is a mean over thousands

-- ---- reading ----

-- The scenario of the command line, for results that say no deployment, and the other files.
local function split(options)
  local data, deployment = {}, nil
  for _, path in ipairs(options.files) do
    if path:match "%.lua$" then
      if deployment then ui.misuse("calibrate %s: one scenario expected", path) end
      deployment = files.load(path, options)
    else
      data[#data + 1] = path
    end
  end
  if #data == 0 then ui.misuse("calibrate: files of measurements expected: oracle calibrate DATA... -o FILE.json") end
  deployment = deployment or scenario.new {}
  files.adjust(deployment, { set = options.set })
  return data, deployment
end

-- Rows of all files, tables of kernels, and what was skipped.
local function gather(data, deployment)
  local rows, skipped, tables, own = {}, {}, {}, nil
  for _, path in ipairs(data) do
    local s = sources.read(path, paths.read(path), deployment)
    if s.kind == "kernels" or s.kind == "collectives" then tables[#tables + 1] = { path, s.text, s.kind } end
    for _, row in ipairs(s.rows) do
      if own == nil then own = s.own or false end
      if own ~= (s.own or false) then
        error(path .. ": results of one's own deployment and tables of many make two fits, one after the other", 0)
      end
      if row.open then row.weight = OPEN_WEIGHT end
      row.table = path:match "[^/]*$"
      rows[#rows + 1] = row
    end
    table.move(s.skipped, 1, #s.skipped, #skipped + 1, skipped)
  end
  return rows, skipped, tables, own
end

-- ---- what it begins with ----

local function decode(path) return core.json.decode(paths.read(path), path) end

local function priors()
  local folder = paths.path "models/fits/priors/"
  local base = { kernels = decode(folder .. "kernels.json").generations, engines = {} }
  for _, id in ipairs(ENGINES) do base.engines[id] = decode(folder .. id .. ".json") end
  return base
end

-- The fit that a few measurements correct: the one that is named, or the shipped one of their engine.
local function shipped(options, engine)
  if options.fit == "none" then error("--fit none: nothing to correct; the fit of an engine expected", 0) end
  local fit = options.fit and fits.open(options.fit, paths.find) or fits.of_engine(engine)
  if not fit then error(("no fit is of engine %s; --fit NAME says which one to correct"):format(engine), 0) end
  if fit.engine ~= engine and not options.force then
    error(("--fit %s: fitted to %s, and the runs are of %s; --force corrects it all the same"):format(options.fit,
      fit.engine, engine), 0)
  end
  if fit.engine ~= engine then
    ui.warn({ ("--fit %s: forced: fitted to %s, and the runs are of %s"):format(options.fit, fit.engine, engine) },
      options)
  end
  return { kernels = space.copy(fit.kernels), engines = { [engine] = space.copy(fit) } }
end

local function tell(options, ...)
  if files.stdout_is_free(options) then io.write(string.format(...), "\n") end
end

local function tell_kernels(path, found, silent, options)
  for _, f in ipairs(found) do
    if f.seconds then
      tell(options, "%-40s %.2f us (%d kernels; taken to be %.2f)", f.name, 1e6 * f.seconds, f.n, 1e6 * (f.was or 0))
    else
      tell(options, "%-40s %.3f of the data sheet (%d kernels; taken to be %.3f)", f.name, f.share, f.n, f.was or 0)
    end
  end
  if silent > 0 then
    tell(options, "%s: %d rows of chips, formats or kernels that a fit has nothing of", path, silent)
  end
end

-- A table of all-reduces, of others or of NCCL: as far as links and latencies of a step's model go by it.
local function add_reduces(one, chip, base)
  return kernel_layer.reduce(collective_rows.read(one[2]), chip, names.gpu_of_file(one[1]), base)
end

local function add_kernels(tables, base, options)
  local known = {}
  local function chip(name)
    if known[name or ""] == nil then
      local h = names.gpu(name)
      known[name or ""] = h and catalog.hardware(h.id) or false
    end
    return known[name or ""] or nil
  end
  for _, one in ipairs(tables) do
    local kind = one[3] == "kernels" and kernel_layer.kind(csv.columns(one[2]))
    local ok, found, silent
    if kind then
      ok, found, silent = pcall(function() return kernel_layer.fit(kind, csv.rows(one[2]), chip, base.kernels) end)
    elseif one[3] == "collectives" then
      ok, found, silent = pcall(add_reduces, one, chip, base)
    end
    if ok == false then error(scenario.about(one[1], scenario.first_line(found)), 0) end
    if ok and #found == 0 and kind then error(one[1] .. ": no chip and format of it is known", 0) end
    if ok then
      tell_kernels(one[1], found, silent, options)
    else
      ui.say(("oracle: warning: %s: a table of kernels that a fit takes nothing of; it takes those of matrix products,"
        .. " experts, attention and all-reduces"):format(one[1]))
    end
  end
end

-- ---- rows that count ----

local function simulate(rows, options)
  local meter, host, scenarios, alone = ui.meter(options), ui.host(), {}, false
  for i, row in ipairs(rows) do
    local cost = { kind = "calibrated", fit = options.fit, force_fit = true }
    for k, v in pairs(row.cost or {}) do cost[k] = v end
    row.scenario.cost = cost
    alone = alone or type(row.scenario.workload.next) == "function"
    scenarios[i] = row.scenario
  end
  local found = prediction.many(scenarios, { shapes = true, host = host, alone = alone,
    threads = options.threads or host.cores and host.cores() or 1,
    progress = meter and function(done, of) meter.points(done, of, 0) end })
  if meter then meter.done() end
  return found
end

-- Rows that can be priced; the others by why they are not.
local function usable(rows, found, skipped, known)
  local list, memo, compared = {}, {}, {}
  for i, row in ipairs(rows) do
    local p = found[i]
    local odd = not p.error and not row.apart and accuracy.impossible(row, p)
    if not (p.error or row.apart) then
      compared[#compared + 1] = accuracy.compare(row, p)
      local unit = row.own and latency_unit.text(accuracy.unit_of { compared[#compared] })
      if unit then error(("%s: %s"):format(row.id, unit), 0) end
    end
    local why = p.error or row.apart or odd and "breaks physics"
      or row.queues and "the lengths of its queues follow from what steps take"
    local ok, r
    if not why then
      ok, r = pcall(priced.row, row, p, memo)
      why = not ok and scenario.first_line(r)
        or not known(r) and "no fit begins with anything of its engine and chip" or nil
    end
    if why then
      skipped[#skipped + 1] = { row.id, why, odd or nil }
    else
      list[#list + 1] = r
    end
  end
  local unit = latency_unit.text(accuracy.unit_of(compared))
  if unit then error(unit, 0) end
  return list
end

local function tell_skipped(skipped, options)
  local count, order, such = {}, {}, {}
  for _, one in ipairs(skipped) do
    such[one[2]] = such[one[2]] or one[3] and ": " .. one[3]
    if not count[one[2]] then
      count[one[2]] = {}
      order[#order + 1] = one[2]
    end
    table.insert(count[one[2]], one[1])
  end
  for _, why in ipairs(order) do
    local list = count[why]
    tell(options, "left out %d: %s (%s%s%s)", #list, why, list[1], such[why] or "", #list > 1 and " ..." or "")
  end
end

-- ---- fitting ----

-- The different values of a field of rows, sorted.
local function different(list, field)
  local seen, order = {}, {}
  for _, r in ipairs(list) do
    if not seen[r[field]] then seen[r[field]], order[#order + 1] = true, r[field] end
  end
  table.sort(order)
  return order
end

local function engines_of(list) return different(list, "engine") end
local function generations_of(list) return different(list, "generation") end

local function named(parameters, most)
  local list = {}
  for i, p in ipairs(parameters) do list[i] = p.name end
  return table.concat(list, ", ", 1, math.min(most or #list, #list))
end

-- A model without its format and its tuning: what shares a shape is left out together.
local function family(r)
  local name = r.row.model:gsub("^.*/", ""):gsub("%-FP8.*$", ""):gsub("%-NVFP4.*$", ""):gsub("%-Instruct.*$", "")
  return (name:gsub("^DeepSeek%-[RV][13].*$", "DeepSeek-V3"))
end

-- Of one's own deployment runs are left out one by one: there is nothing else to leave out.
local OWN_WAYS = { { "leave one run out", function(r) return r.row.id end } }
local WAYS = { { "leave one model out", family }, { "leave one GPU out", function(r) return r.row.gpu end } }

local function crossed(list, base, parameters, x, own, options)
  local meter = ui.meter(options)
  local progress = meter and function(done, of) meter.points(done, of, 0) end
  local out = {}
  local columns = calibrate.derivatives(list, base, parameters, x)
  for _, way in ipairs(own and OWN_WAYS or WAYS) do
    local errors = calibrate.crossed(list, base, parameters, x, way[2],
      { columns = columns, progress = progress, stop = ui.host().interrupted })
    out[#out + 1] = { way[1], errors }
  end
  if meter then meter.done() end
  return out
end

local function tell_errors(title, errors, options)
  local cells = {}
  for _, metric in ipairs(accuracy.METRICS) do
    local values = {}
    for _, e in pairs(errors) do values[#values + 1] = e[metric] end
    if #values > 0 then
      local s = accuracy.summary(values)
      cells[#cells + 1] = ("%s median %.1f p80 %.1f mean %.1f %% (%d)"):format(metric, s.median, s.p80, s.mean, s.n)
    end
  end
  tell(options, "%s: %s", title, #cells > 0 and table.concat(cells, "; ") or "one group alone, nothing to leave out")
end

-- The same of all rows, and of each table by itself.
local function tell_tables(title, list, errors, options)
  tell_errors(title, errors, options)
  local by, order = {}, {}
  for i, r in ipairs(list) do
    local name = r.row.table
    if not by[name] then by[name], order[#order + 1] = {}, name end
    by[name][i] = errors[i]
  end
  for _, name in ipairs(#order > 1 and not list[1].row.own and order or {}) do
    tell_errors(("  %s, %s"):format(title, name), by[name], options)
  end
end

local LEAST_LOADS = 3                                     -- that tell floors, host and rates apart

-- Fewer figures than parameters say one thing that several of them could be the cause of.
local function check_figures(list, kept)
  local figures = 0
  for _, r in ipairs(list) do
    local m = r.row.measured
    figures = figures + (m.ttft and not r.row.burst and 1 or 0) + ((m.tpot or m.e2e or m.throughput) and 1 or 0)
  end
  if figures >= #kept then return end
  error(("%d measured figures cannot tell %s apart"):format(figures, named(kept)), 0)
end

-- Runs at too few loads say one number, which several parameters could be the cause of.
local function check_loads(list, kept)
  local seen, count = {}, 0
  for _, r in ipairs(list) do
    local w = r.row
    local key = table.concat({ tostring(w.load), w.layout, w.model, w.gpu, w.lengths or "" }, "|")
    if not seen[key] then seen[key], count = true, count + 1 end
  end
  if count >= LEAST_LOADS then return end
  error(("runs at %d load%s cannot tell %s apart: %d different ones at least, one request at a time among them"):format(
    count, count == 1 and "" or "s", named(kept), LEAST_LOADS), 0)
end

local function fit(list, base, own, options)
  local parameters = own and space.own(base, engines_of(list)[1]) or space.whole(base, generations_of(list))
  calibrate.weigh(list)
  local kept, others = calibrate.determined(list, base, parameters)
  if #kept == 0 then
    error(("the data determine none of the parameters (%s): runs at several loads expected, a low one among them")
      :format(named(parameters, 8)), 0)
  end
  check_loads(list, kept)
  check_figures(list, kept)
  local meter = ui.meter(options)
  local values, x, how = calibrate.fit(list, base, kept, { stop = ui.host().interrupted,
    progress = meter and function(done, of) meter.points(done, of, 0) end })
  if meter then meter.done() end
  tell(options, "%d rows, %d parameters that they determine, %d evaluations (%s)", #list, #kept, how.calls, how.why)
  if own then
    for i, p in ipairs(kept) do tell(options, "  %-28s x %.3f", p.name, math.exp(x[i])) end
  end
  if #others > 0 then
    tell(options, "  not determined by these rows, left as they were: %s", table.concat(others, ", "))
  end
  tell_tables("errors on these rows", list, calibrate.errors(list, values), options)
  return values, kept, others, x
end

-- ---- writing ----

local function provenance(data, list, crossing)
  local shown = {}
  for i, path in ipairs(data) do shown[i] = path:match "([^/]*)$" end
  return ordered.object {
    { "method", "least squares on simulated predictions, robust, configurations weighed; oracle calibrate" },
    { "data", ordered.array(shown) }, { "rows", #list }, { "crossed", crossing or "none" },
  }
end

local function save(path, value, options)
  output.keep(path, options.force)
  output.write_file(path, ordered.json(value))
end

local function only_generations(fit_of, list)
  local keep = {}
  for _, g in ipairs(generations_of(list)) do keep[g] = fit_of.generations[g] end
  fit_of.generations = keep
end

local function write(options, data, list, result)
  local folder = options.output:match "/$"
  local engines = engines_of(list)
  if #engines > 1 and not folder then
    error(("data of %s: -o FOLDER/ writes a fit for each"):format(table.concat(engines, " and ")), 0)
  end
  local crossing = result.crossing[1]
  local errors = next(crossing[2]) and crossing[2] or calibrate.errors(list, result.values)
  for _, id in ipairs(engines) do
    local one = result.values.engines[id]
    local about = { kernels = "kernels", error = outcome.errors(list, errors, id, result.own),
                    unseen = result.own and one.unseen or outcome.unseen(result.others, MEASURED),
                    range = outcome.range(list, id),
                    provenance = provenance(data, list, next(crossing[2]) and crossing[1]) }
    local path = folder and options.output .. id .. ".json" or options.output
    if not folder then
      one.id = path:match "([^/]*)%.json$" or path:match "([^/]*)$"
      about.kernels = file.kernels(result.values.kernels)
      if result.own then only_generations(one, list) end
    end
    save(path, file.engine(one, about), options)
    tell(options, "wrote %s", path)
  end
  if folder then
    save(options.output .. "kernels.json", ordered.object {
      { "id", "kernels" }, { "name", "What kernels reach of the data sheet, by number format and generation of chips" },
      { "source", "models/fits/priors/kernels.json, corrected by the rows of the engines' fits" },
      { "generations", file.kernels(result.values.kernels) } }, options)
    tell(options, "wrote %skernels.json", options.output)
  end
end

--- Do it.
function command.run(options)
  if not options.output or options.output == "" then ui.misuse("calibrate: -o FILE.json (or FOLDER/) expected") end
  local data, deployment = split(options)
  local folder = options.output:match "^(.*/)[^/]*$"
  if folder and not paths.exists(folder) then error(folder .. ": no such folder", 0) end
  if not options.output:match "/$" then output.keep(options.output, options.force) end
  local rows, skipped, tables, own = gather(data, deployment)
  if #rows == 0 then error("no rows end to end: kernels alone fix efficiencies, and no floor of an engine", 0) end
  ui.host().guard(false)
  local found = simulate(rows, options)
  local begins = own and shipped(options, rows[1].engine) or priors()
  local list = usable(rows, found, skipped, function(r)
    local begun = begins.engines[r.engine]
    return begun and r.generation and begins.kernels[r.generation] and begun.generations[r.generation]
  end)
  tell_skipped(skipped, options)
  if #list == 0 then error("none of the rows can be used", 0) end
  local base = begins
  if own and #engines_of(list) > 1 then error("results of more than one engine: one fit is of one engine", 0) end
  add_kernels(tables, base, options)
  local values, kept, others, x = fit(list, base, own, options)
  local crossing = crossed(list, base, kept, x, own, options)
  for _, way in ipairs(crossing) do tell_tables(way[1], list, way[2], options) end
  write(options, data, list, { values = values, others = others, crossing = crossing, own = own })
  return true
end

return command
