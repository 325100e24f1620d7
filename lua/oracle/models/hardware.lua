--- Reads a hardware file: one accelerator, every figure with its unit, source and date.
-- A figure is {"value": 989.4, "unit": "TFLOPS", "source": "...", "date": "2022-03"}; in a file or a table of one's own
-- also "989.4 TFLOPS", or a bare number in SI. Figures come out in SI: FLOP/s, bytes, B/s, s, W, USD/h.
local formats = require "oracle.scenario.number_formats"
local json = require("oracle.core").json
local power = require "oracle.models.power"
local spelling = require "oracle.text.spelling"

local hardware = {}

-- dimension -> unit -> what one of it is in SI, and the units a message names
local UNITS = {
  flops = { FLOPS = 1, GFLOPS = 1e9, TFLOPS = 1e12, PFLOPS = 1e15, TOPS = 1e12, POPS = 1e15 },
  bytes = { B = 1, MB = 1e6, GB = 1e9, TB = 1e12, KiB = 2 ^ 10, MiB = 2 ^ 20, GiB = 2 ^ 30, TiB = 2 ^ 40 },
  rate = { ["B/s"] = 1, ["MB/s"] = 1e6, ["GB/s"] = 1e9, ["TB/s"] = 1e12, ["GiB/s"] = 2 ^ 30, ["Gbit/s"] = 1e9 / 8 },
  time = { s = 1, ms = 1e-3, us = 1e-6, ns = 1e-9 },
  power = { W = 1, kW = 1e3 },
  price = { ["USD/h"] = 1 }, share = { TDP = 1 },
}
local SHOWN = {
  flops = "TFLOPS, TOPS, PFLOPS", bytes = "MiB, GiB, GB", rate = "GB/s, TB/s, Gbit/s", time = "us, ns, s",
  power = "W, kW", price = "USD/h", share = "TDP",
}

local SI = { flops = "FLOPS", bytes = "B", rate = "B/s", time = "s", power = "W", price = "USD/h", share = "TDP" }

-- Field -> dimension, least value in SI (what is smaller lacks its unit); a table of fields for a section.
local LINK = { bandwidth = { "rate", 1e6 }, latency = { "time", 0 } }
local FIELDS = {
  flops = {}, memory = { "bytes", 2 ^ 20 }, bandwidth = { "rate", 1e6 }, nvlink = LINK, c2c = LINK,
  pcie = LINK, power = { active = { "share", 0 }, memory = { "share", 0 }, compute = { "share", 0 } },
  idle_watts = { "power", 0 }, tdp_watts = { "power", 0 }, usd_per_hour = { "price", 0 },
}
for _, dtype in ipairs(formats.PEAKS) do FIELDS.flops[dtype] = { "flops", 1e9 } end

local ORDER = { "flops", "memory", "bandwidth", "nvlink", "c2c", "pcie", "power", "idle_watts", "tdp_watts",
                "usd_per_hour" }
local OF_LINK = { "bandwidth", "latency" }
local IN_ORDER = { flops = formats.PEAKS, nvlink = OF_LINK, c2c = OF_LINK, pcie = OF_LINK,
                   power = { "active", "memory", "compute" } }
local TEXTS = { id = true, name = true, aliases = true, generation = true, like = true }

--- What a chip's kernels are written for: families of chips that reach alike shares of their peaks.
-- blackwell is the data-centre kind (sm100, sm103), blackwell-rtx the other (sm120, sm121).
hardware.GENERATIONS = { "pascal", "volta", "turing", "ampere", "ada", "hopper", "blackwell", "blackwell-rtx", "cdna2",
  "cdna3", "cdna4", "gaudi2", "gaudi3", "tpu", "neuron", "xe", "apple", "ascend" }

local GENERATION = {}                                     -- folded name -> name
for _, name in ipairs(hardware.GENERATIONS) do GENERATION[spelling.fold(name)] = name end
local OF_FIGURE = { value = true, unit = true, source = true, date = true, note = true, estimate = true }

local function fail(file, where, format, ...)
  error(("%s: %s: %s"):format(file, where, format:format(...)), 0)
end

local function is_object(v)
  return type(v) == "table" and getmetatable(v) ~= json.array
end

-- Every key known, but those that begin with '_' (remarks).
local function is_known(key, known)
  return type(key) == "string" and (known[key] ~= nil or key:sub(1, 1) == "_")
end

local function check_keys(file, where, t, known)
  local strange = false
  for key in pairs(t) do strange = strange or not is_known(key, known) end
  if not strange then return end
  local names = {}
  for name in pairs(known) do names[#names + 1] = name end
  table.sort(names)
  local given = {}
  for key in pairs(t) do given[#given + 1] = tostring(key) end
  table.sort(given)
  for _, key in ipairs(given) do
    if not known[key] and key:sub(1, 1) ~= "_" then
      local near = spelling(key, names)
      fail(file, where .. key, "no such field%s", near and ("; did you mean %s?"):format(near)
        or " (" .. table.concat(names, ", ") .. ")")
    end
  end
end

-- 5e12, "989.4 TFLOPS" or {value, unit, ...} -> number as given, unit, the figure's table
local function split(file, where, figure, dimension)
  if type(figure) == "number" then return figure, SI[dimension], {} end
  if type(figure) == "string" then
    local value, unit = figure:match("^%s*([%d.eE+-]+)%s*(%a%S*)%s*$")
    if not tonumber(value) then fail(file, where, "%q: a number and a unit expected", figure) end
    return tonumber(value), unit, {}
  end
  if not is_object(figure) then
    fail(file, where, "{\"value\": ..., \"unit\": ...}, \"NUMBER UNIT\" or a number in %s expected", SI[dimension])
  end
  check_keys(file, where .. ".", figure, OF_FIGURE)
  if type(figure.value) ~= "number" then fail(file, where .. ".value", "a number expected") end
  if type(figure.unit) ~= "string" then fail(file, where .. ".unit", "a unit expected, as \"GB/s\"") end
  return figure.value, figure.unit, figure
end

-- One figure in SI; also noted in `figures` as it was given.
local function read_figure(file, where, figure, rule, figures)
  local dimension, least = rule[1], rule[2]
  local value, unit, given = split(file, where, figure, dimension)
  local factor = UNITS[dimension][unit]
  if not factor then fail(file, where, "unit %q: one of %s expected", unit, SHOWN[dimension]) end
  local si = value * factor
  if si >= 1e30 then fail(file, where, "%g %s: below 1e+30 %s expected", value, unit, SI[dimension]) end
  if si < least then
    fail(file, where, "%g %s: at least %g %s expected", value, unit, least, SI[dimension])
  end
  figures[#figures + 1] = { field = where, value = value, unit = unit, si = si, source = given.source,
                            date = given.date, note = given.note, estimate = given.estimate == true }
  return si
end

local function read_section(file, name, t, figures)
  if not is_object(t) then fail(file, name, "an object expected") end
  check_keys(file, name .. ".", t, FIELDS[name])
  local section = {}
  for _, key in ipairs(IN_ORDER[name]) do
    if t[key] ~= nil then
      section[key] = read_figure(file, name .. "." .. key, t[key], FIELDS[name][key], figures)
    end
  end
  return section
end

local function check_link(file, h, name)
  local link = h[name]
  if not link then
    h[name] = { bandwidth = 0, latency = 0 }
  elseif not link.bandwidth then
    fail(file, name .. ".bandwidth", "missing (one direction, as \"450 GB/s\")")
  else
    link.latency = link.latency or 0
  end
end

local function check_whole(file, h)
  if not h.flops then fail(file, "flops", "missing: dense rates by format, at least bf16, fp16 or fp32") end
  if not (h.flops.bf16 or h.flops.fp16 or h.flops.fp32) then
    fail(file, "flops", "no rate for bf16, fp16 or fp32; at least one expected")
  end
  if not h.memory then fail(file, "memory", "missing (what the driver reports, as \"81559 MiB\")") end
  if not h.bandwidth then fail(file, "bandwidth", "missing (of the memory, as \"3.35 TB/s\")") end
  check_link(file, h, "nvlink")
  check_link(file, h, "pcie")
  if h.c2c then check_link(file, h, "c2c") end
  h.idle_watts, h.tdp_watts, h.usd_per_hour = h.idle_watts or 0, h.tdp_watts or 0, h.usd_per_hour or 0
  if h.idle_watts > h.tdp_watts then
    fail(file, "idle_watts", "%g W is above tdp_watts, %g W", h.idle_watts, h.tdp_watts)
  end
end

-- What it draws at work, as shares of its TDP: its own figures, else those of its generation.
local function read_power(file, h)
  local own = h.power or {}
  if own.active and own.active > 1 then fail(file, "power.active", "%g TDP: at most 1 TDP expected", own.active) end
  local shares = power.of(h.generation)
  for key, share in pairs(shares) do own[key] = own[key] or share end
  return own
end

local function read_generation(file, given)
  if given == nil then return nil end
  local known = type(given) == "string" and GENERATION[spelling.fold(given)]
  if known then return known end
  local near = spelling(tostring(given), hardware.GENERATIONS)
  fail(file, "generation", "%q: one of %s expected, or none%s", tostring(given),
    table.concat(hardware.GENERATIONS, ", "), near and ("; did you mean %s?"):format(near) or "")
end

--- An accelerator from its file.
-- @tparam table raw the decoded file
-- @tparam string file its name, for messages
-- @treturn table the fields of orc_hardware (src/cost/hardware.h) in SI: `flops` by format name ("bf16", ...),
-- `memory` (B), `bandwidth` (B/s), `nvlink`, `c2c` (to the host's memory, nil where there is only PCIe) and `pcie`
-- {bandwidth (B/s, one direction), latency (s)}, `idle_watts`, `tdp_watts`, `usd_per_hour` (0: unknown); `power`
-- (shares of the TDP: oracle.models.power); `id`, `name`, `aliases` as given; `generation`, of GENERATIONS or nil; and
-- `figures`, a list of {field, value, unit, si, source, date, note, estimate} in the order of the fields
-- @raise "FILE: FIELD: what was expected"
function hardware.read(raw, file)
  if not is_object(raw) then error(file .. ": an object expected, one field per figure", 0) end
  local known = {}
  for name in pairs(FIELDS) do known[name] = true end
  for name in pairs(TEXTS) do known[name] = true end
  check_keys(file, "", raw, known)
  local h, figures = {}, {}
  for _, name in ipairs(ORDER) do
    if raw[name] ~= nil then
      h[name] = IN_ORDER[name] and read_section(file, name, raw[name], figures)
        or read_figure(file, name, raw[name], FIELDS[name], figures)
    end
  end
  check_whole(file, h)
  for _, name in ipairs { "id", "name" } do
    if raw[name] ~= nil and type(raw[name]) ~= "string" then fail(file, name, "a text expected") end
    h[name] = raw[name]
  end
  if raw.aliases ~= nil and type(raw.aliases) ~= "table" then fail(file, "aliases", "a list expected") end
  h.aliases = raw.aliases or {}
  h.generation = read_generation(file, raw.generation)
  h.power = read_power(file, h)
  h.figures = figures
  return h
end

return hardware
