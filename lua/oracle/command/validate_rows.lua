--- `oracle validate TABLE`: each row of a table of measurements simulated, and its errors told.
local accuracy = require "oracle.study.accuracy"
local console = require "oracle.text.console"
local files = require "oracle.command.files"
local fits = require "oracle.models.fits"
local latency_unit = require "oracle.text.latency_unit"
local ordered = require "oracle.text.ordered"
local overload = require "oracle.study.overload"
local page = require "oracle.study.pages.validate"
local paths = require "oracle.text.paths"
local prediction = require "oracle.study.prediction"
local requests_error = require "oracle.study.requests_error"
local scenario = require "oracle.scenario"
local tables = require "oracle.formats.measured.tables"
local ui = require "oracle.command.ui"

local command = {}

local MOST_GROUPS, MOST_NAMES = 40, 5

-- ---- simulating ----

-- The `cost` of a row: the fit that was asked for, and what the row tells.
local function cost_of(row, options)
  local cost = {}
  for k, v in pairs(row.cost or {}) do cost[k] = v end
  if options.fit == "none" then
    cost.kind, cost.engine_version = "roofline", nil
  elseif options.fit then
    cost.kind, cost.fit, cost.force_fit = "calibrated", options.fit, options.force
  else
    cost.kind = "auto"
  end
  return cost
end

local function predict(rows, options)
  local scenarios, meter = {}, ui.meter(options)
  for i, row in ipairs(rows) do
    row.scenario.cost = cost_of(row, options)
    row.scenario.seed = options.seed or row.scenario.seed
    scenarios[i] = row.scenario
  end
  local host = ui.host()
  local function progress(done, of) meter.points(done, of, 0) end
  local found = prediction.many(scenarios, {
    host = host, threads = options.threads or host.cores and host.cores() or 1, progress = meter and progress,
    requests = rows[1] and rows[1].requests and true or nil,
  })
  if meter then meter.done() end
  return found
end

-- ---- telling ----

local function figure(v)
  return v and ("%.1f"):format(v) or "-"
end

local NAMES = { ttft = "TTFT", tpot = "TPOT", e2e = "E2E", throughput = "output tok/s" }

local function overall_rows(overall)
  local rows = {}
  for _, metric in ipairs(accuracy.METRICS) do
    local s = overall[metric]
    if s.n > 0 then
      rows[#rows + 1] = { NAMES[metric], s.n, figure(s.mean), figure(s.median), figure(s.p80), figure(s.p90),
                          ("%+.1f"):format(s.bias) }
    end
  end
  return rows
end

local HEAD = { "", "rows", "mean", "median", "p80", "p90", "bias" }

-- One line a group: the metric that most rows have.
local function group_rows(groups)
  local rows = {}
  for _, key in ipairs(ordered.keys(groups)) do
    local cells = { key }
    for _, metric in ipairs(accuracy.METRICS) do
      local s = groups[key][metric]
      cells[#cells + 1] = s.n > 0 and s.n or "-"
      cells[#cells + 1] = s.n > 0 and ("%s %s"):format(figure(s.median), figure(s.p80)) or "-"
    end
    rows[#rows + 1] = cells
  end
  return rows
end

local GROUP_HEAD = { "", "n", "TTFT", "n", "TPOT", "n", "E2E", "n", "tok/s" }

local function worst_rows(worst)
  local rows = {}
  for i, w in ipairs(worst) do
    local metric = w.tpot and "tpot" or w.e2e and "e2e" or "throughput"
    local c = w[metric]
    if c then
      rows[i] = { w.id, NAMES[metric], ("%.4g"):format(c.measured), ("%.4g"):format(c.predicted),
                  ("%+.0f"):format(c.error_pct), w.dominated_by or "-" }
    end
  end
  return rows
end

local function names_of(list)
  local shown = table.concat(list, ", ", 1, math.min(#list, MOST_NAMES))
  return #list > MOST_NAMES and ("%s and %d more"):format(shown, #list - MOST_NAMES) or shown
end

local function add_reasons(out, title, list)
  for _, r in ipairs(list) do
    out[#out + 1] = ("%s %d: %s (%s)\n"):format(title, r.n, r.why, names_of(r.rows))
  end
end

local function add_groups(out, groups)
  for _, name in ipairs(ordered.keys(groups)) do
    local rows = group_rows(groups[name])
    if #rows > MOST_GROUPS then
      out[#out + 1] = ("\nby %s: %d of them; --json has all\n"):format(name, #rows)
    elseif #rows > 0 then
      GROUP_HEAD[1] = "by " .. name
      out[#out + 1] = "\nmedian and p80 of the absolute error (%), " .. name .. "\n"
        .. console.table(GROUP_HEAD, rows)
    end
  end
end

local function physics_text(physics)
  if physics.n == 0 then return "" end
  local ids = {}
  for i, r in ipairs(physics.rows) do ids[i] = r.id end
  return ("%d rows break physics and are not counted: %s\n  the first: %s\n"):format(physics.n, names_of(ids),
    physics.rows[1].why)
end

local function report(path, title, t, notes)
  local out = { ("%s: %s, %d rows\n\nabsolute error (%%) and bias\n"):format(path, title, t.rows),
                console.table(HEAD, overall_rows(t.overall)) }
  add_groups(out, t.groups)
  for _, key in ipairs(ordered.keys(t.apart)) do
    local s = t.apart[key].tpot.n > 0 and t.apart[key].tpot or t.apart[key].e2e
    out[#out + 1] = ("%snot counted with the others: %s, %d rows, median error %s %%\n"):format(
      #out == 0 and "\n" or "", key, s.n, figure(s.median))
  end
  out[#out + 1] = physics_text(t.physics)
  add_reasons(out, "skipped", t.skipped)
  add_reasons(out, "could not run", t.failed)
  local worst = worst_rows(t.worst)
  if #worst > 0 then
    out[#out + 1] = "\nthe worst rows, and what most of their steps go to\n" .. console.table(
      { "", "", "measured", "predicted", "error (%)", "dominated by" }, worst)
  end
  local inside = {}
  for _, metric in ipairs(accuracy.METRICS) do
    local c = t.coverage_pct[metric]
    if c then inside[#inside + 1] = ("%s %.0f %%"):format(NAMES[metric], c) end
  end
  if #inside > 0 then out[#out + 1] = "\ninside the stated 80 % interval: " .. table.concat(inside, ", ") .. "\n" end
  for _, note in ipairs(notes) do out[#out + 1] = note .. "\n" end
  return table.concat(out)
end

-- What a reader should know beside the figures: units that are off by a thousand, fits.
local function notes_of(entries)
  local compared, notes, count = {}, {}, {}
  for _, e in ipairs(entries) do
    if not e.row.apart then compared[#compared + 1] = e.compared end
  end
  local unit = accuracy.unit_of(compared)
  notes[1] = latency_unit.text(unit)
  for _, e in ipairs(entries) do
    local name = (e.predicted.fit or "roofline") .. (e.predicted.forced and " (forced)" or "")
    count[name] = (count[name] or 0) + 1
  end
  local list, priced = {}, {}
  for i, name in ipairs(ordered.keys(count)) do
    list[i], priced[i] = ("%s %d"):format(name, count[name]), { name, count[name] }
  end
  if #list > 0 then notes[#notes + 1] = "\npriced by: " .. table.concat(list, ", ") .. " rows" end
  return notes, ordered.object(priced), unit
end

-- ---- rows as CSV ----

local ROW = { "id", "model", "gpu", "engine", "version", "format", "layout", "load", "arrival", "lengths" }

local csv_lines = {}

local function quoted(v)
  v = v == nil and "" or type(v) == "number" and ("%.6g"):format(v) or tostring(v)
  return v:find '[",\n]' and '"' .. v:gsub('"', '""') .. '"' or v
end

local function csv_of(entries)
  local head = table.move(ROW, 1, #ROW, 1, {})
  for _, metric in ipairs(accuracy.METRICS) do
    for _, what in ipairs { "measured", "predicted", "error_pct" } do head[#head + 1] = metric .. "_" .. what end
  end
  head[#head + 1], head[#head + 2] = "apart", "dominated_by"
  local lines = { table.concat(head, ",") }
  for _, e in ipairs(entries) do
    local cells = {}
    for i, name in ipairs(ROW) do cells[i] = quoted(e.row[name]) end
    for _, metric in ipairs(accuracy.METRICS) do
      local c = e.compared[metric]
      cells[#cells + 1] = quoted(c and c.measured)
      cells[#cells + 1] = quoted(c and c.predicted)
      cells[#cells + 1] = quoted(c and 100 * c.error)
    end
    cells[#cells + 1], cells[#cells + 2] = quoted(e.apart), quoted(accuracy.dominating(e.predicted.split))
    lines[#lines + 1] = table.concat(cells, ",")
  end
  lines[#lines + 1] = ""
  return lines
end

--- The rows of the table that was compared last, as CSV.
function command.csv()
  return table.concat(csv_lines, "\n")
end

local compared = {}                                       -- the table that was compared last

--- The report of the table that was compared last, as a document.
function command.document()
  return page.document(compared.path, compared.title, compared.table, compared.entries)
end

-- ---- the command ----

--- Do it.
-- @return whether a row could be predicted, and what was found as an ordered object; raises "path: what is wrong"
function command.run(path, text, options, kind)
  local ok, rows, skipped = pcall(tables.read, kind, text, path)
  if not ok then error(scenario.about(path, scenario.first_line(rows)), 0) end
  if #rows + #skipped == 0 then error(path .. ": no measurements below the header", 0) end
  if options.fit and options.fit ~= "none" then fits.open(options.fit, paths.find) end
  ui.host().guard(false)
  local predictions = predict(rows, options)
  local t, entries = accuracy.table(rows, predictions, skipped)
  local notes, priced, unit = notes_of(entries)
  local per_request = requests_error.table(entries)
  if per_request then notes[#notes + 1] = requests_error.text(per_request) end
  local overloads = overload.table(entries)
  if overloads then notes[#notes + 1] = overload.text(overloads) end
  local _, title = tables.kind(text)
  if files.stdout_is_free(options) then files.print(console.narrow(report(path, title, t, notes))) end
  if options.csv then csv_lines = csv_of(entries) end
  compared = { path = path, title = title, table = t, entries = entries }
  local list = { { "file", path }, { "what", kind }, { "title", title }, { "fits", priced }, { "unit", unit },
                 { "requests", per_request }, { "overloads", overloads } }
  for _, key in ipairs(ordered.keys(t)) do list[#list + 1] = { key, t[key] } end
  if #entries == 0 then
    local first = t.failed[1] or t.skipped[1]
    ui.say(("oracle: %s: none of its %d rows could be predicted: %s"):format(path, #rows + #skipped, first.why))
  end
  return #entries > 0, ordered.object(list)
end

return command
