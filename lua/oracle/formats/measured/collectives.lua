--- Measured collectives. Where it is known on which GPU - the table says, or `hardware`, or its name - against what is
-- predicted there (oracle.models.collectives); of others one alpha and one beta for each collective and group of GPUs,
-- and how far off such a line is. The tables are those of oracle.formats.measured.collective_rows.
local lazy = require "oracle.lazy"
local catalog = lazy "oracle.models.catalog"
local console = lazy "oracle.text.console"
local core = require "oracle.core"
local names = lazy "oracle.formats.measured.names"
local ordered = require "oracle.text.ordered"
local predicted = lazy "oracle.models.collectives"
local rows = require "oracle.formats.measured.collective_rows"
local scenario = require "oracle.scenario"

-- ---- lines ----

-- Messages one after the other, and bytes a rank sends per byte of its buffer: of a ring (cost/collective.h), or of one
-- message. nil: the collective has no ring.
local function ring(collective, ranks)
  if collective == "send_recv" then return 1, 1 end
  if collective == "all_reduce" then return 2 * (ranks - 1), 2 * (ranks - 1) / ranks end
  if collective == "all_gather" or collective == "reduce_scatter" or collective == "all_to_all" then
    return ranks - 1, (ranks - 1) / ranks
  end
end

-- The columns of a report: what JSON and people call them, and how a number is shown.
local LINE = {
  { "collective", "collective" }, { "ranks", "ranks" }, { "gpus_per_node", "GPUs/host" }, { "sizes", "sizes" },
  { "base_us", "base (us)", "%.4g" }, { "slope_ps_per_byte", "slope (ps/B)", "%.4g" },
  { "alpha_us", "alpha (us)", "%.4g" }, { "gb_per_s", "GB/s", "%.4g" },
  { "mean_error_pct", "error (%)", "%.1f" }, { "worst_error_pct", "worst (%)", "%.1f" },
}
local PREDICTED = {
  { "collective", "collective" }, { "gpu", "GPU" }, { "engine", "engine" }, { "version", "version" },
  { "launch", "launch" }, { "ranks", "ranks" }, { "gpus_per_node", "GPUs/host" }, { "sizes", "sizes" },
  { "mean_error_pct", "mean error (%)", "%.1f" }, { "median_error_pct", "median (%)", "%.1f" },
  { "worst_error_pct", "worst (%)", "%.1f" }, { "worst_bytes", "at (B)", "%.0f" }, { "bias_pct", "bias (%)", "%+.1f" },
  { "fitted", "table of" },
}

-- Values by place, false where there is none, as a table for people and objects for JSON.
local function tabulate(columns, found)
  local heads, shown, objects = {}, {}, {}
  for c, column in ipairs(columns) do heads[c] = column[2] end
  for i, values in ipairs(found) do
    local row, pairs_list = {}, {}
    for c, column in ipairs(columns) do
      local v = values[c]
      row[c] = not v and "-" or column[3] and column[3]:format(v) or v
      pairs_list[c] = { column[1], v or nil }
    end
    shown[i], objects[i] = row, ordered.object(pairs_list)
  end
  return console.table(heads, shown), objects
end

local function line_of(g)
  local line, why = core.net.fit(g.bytes, g.seconds)
  if not line then error(("line %d: %s over %d ranks: %s"):format(g.line, g.collective, g.ranks, why), 0) end
  local hops, share = ring(g.collective, g.ranks)
  local function finite(v, factor) return v and v < math.huge and factor * v end
  return { g.collective, g.ranks, g.per_node, #g.bytes, finite(line.base, 1e6), finite(line.per_byte, 1e12),
           finite(hops and line.base / hops, 1e6), finite(hops and share / line.per_byte, 1e-9),
           100 * line.error, 100 * line.worst }
end

-- ---- predictions ----

local function summary(errors)
  local sizes, n, mean, bias = {}, #errors, 0, 0
  for i, e in ipairs(errors) do
    sizes[i] = math.abs(e)
    mean, bias = mean + math.abs(e) / n, bias + e / n
  end
  table.sort(sizes)
  local function at(share) return sizes[math.max(1, math.ceil(share * n))] end
  return { n = n, mean = 100 * mean, median = 100 * at(0.5), p80 = 100 * at(0.8), p90 = 100 * at(0.9),
           worst = 100 * sizes[n], bias = 100 * bias }
end

-- Of one group: the values of PREDICTED, and the relative errors; nil: nothing is predicted for it.
local function prediction(g, hardware, all)
  local of, fitted = predicted.regimes {
    collective = g.collective, hardware = hardware, ranks = g.ranks, engine = g.engine, version = g.version,
    launch = g.launch, gpus_per_node = g.per_node ~= g.ranks and g.per_node or nil,
  }
  if not of then return nil end
  local errors, worst, where = {}, -1, nil
  for i, bytes in ipairs(g.bytes) do
    errors[i] = core.cost.measured_time(of, bytes) / g.seconds[i] - 1
    all[#all + 1] = errors[i]
    if math.abs(errors[i]) > worst then worst, where = math.abs(errors[i]), bytes end
  end
  local s = summary(errors)
  return { g.collective, hardware.id or hardware.name or "custom", g.engine, g.version or false, g.launch, g.ranks,
           g.per_node, #g.bytes, s.mean, s.median, s.worst, where, s.bias,
           table.concat(fitted.gpus, ", ") .. (fitted.engine ~= g.engine and (", " .. fitted.engine) or "") }
end

-- ---- whose they are ----

-- Of a table that does not say: the deployment's `hardware`, or what the file is called after; and how that is known.
local function told(deployment, path)
  local name = deployment and scenario.raw(deployment).hardware
  if name then return type(name) == "string" and catalog.hardware(name) or error("hardware: a name expected", 0) end
  local found = names.gpu_of_file(path)
  return found, found and (" (%s by the file's name)"):format(found.id)
end

local function hardware_of(g, otherwise, known)
  if not g.gpu then return otherwise end
  if known[g.gpu] == nil then
    local ok, found = pcall(catalog.hardware, g.gpu)
    known[g.gpu] = ok and found or false
  end
  return known[g.gpu] or nil
end

local OF_EXPERTS = { dispatch = true, combine = true }     -- collectives of an exchange alone

local function check(g)
  if OF_EXPERTS[g.collective] then return end
  -- Asked for its time, a collective that does not exist raises, naming those that do.
  local known, why = pcall(core.net.collective, { collective = g.collective, ranks = 2, bytes = 0, latency = 0,
                                                  bandwidth = 1 })
  if not known then error(("line %d: %s"):format(g.line, tostring(why)), 0) end
end

-- ---- the report ----

local function report_of_lines(groups, title)
  local found = {}
  for i, g in ipairs(groups) do found[i] = line_of(g) end
  local text, objects = tabulate(LINE, found)
  return { title = title, rows = objects,
           text = title .. ";\n"
             .. "alpha and bandwidth are those of a ring, or of one message, that takes as long\n\n" .. text }
end

local SHOWN = 4                                           -- groups without a table that are named

local function report_of_errors(found, errors, unknown, how)
  local s = summary(errors)
  local title = "measured collectives" .. (how or "")
    .. " against what is predicted of them (models/fits/collectives.json)"
  local text, objects = tabulate(PREDICTED, found)
  local last = ("\nall %d measurements: mean %.1f %%, median %.1f %%, p80 %.1f %%, p90 %.1f %%, bias %+.1f %%\n")
    :format(s.n, s.mean, s.median, s.p80, s.p90, s.bias)
  if #unknown > 0 then
    last = last .. ("%d more are not predicted, for there is no table of them: %s%s\n"):format(unknown.measurements,
      table.concat(unknown, "; ", 1, math.min(SHOWN, #unknown)),
      #unknown > SHOWN and ("; and %d other groups"):format(#unknown - SHOWN) or "")
  end
  return { title = title, rows = objects, text = title .. "\n\n" .. text .. last,
           overall = ordered.object { { "n", s.n }, { "mean", s.mean }, { "median", s.median }, { "p80", s.p80 },
                                      { "p90", s.p90 }, { "bias", s.bias },
                                      { "not_predicted", unknown.measurements or 0 } } }
end

--- @param text of the table, @param deployment a scenario whose `hardware` counts, @param path the file's
return function(text, _, deployment, path)
  local groups = rows.read(text)
  for _, g in ipairs(groups) do check(g) end
  local otherwise, how = told(deployment, path)
  local found, errors, unknown, known = {}, {}, {}, {}
  for _, g in ipairs(groups) do
    local hardware = hardware_of(g, otherwise, known)
    local values = hardware and not g.few and prediction(g, hardware, errors)
    if values then
      found[#found + 1] = values
    else
      local gpu = hardware and hardware.id or g.gpu or "an unknown GPU"
      local name = ("%s of %d ranks, %s, %s%s"):format(g.collective, g.ranks, g.engine, gpu, g.few and ", few experts"
        or g.launch ~= "graph" and ", " .. g.launch or "")
      if not unknown[name] then unknown[name], unknown[#unknown + 1] = true, name end
      unknown.measurements = (unknown.measurements or 0) + #g.bytes
    end
  end
  if #found > 0 then return report_of_errors(found, errors, unknown, how) end
  return report_of_lines(groups,
    "measured collectives, and the line base + bytes x slope of least relative deviation through each group")
end
