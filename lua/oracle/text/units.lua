--- Quantities with units: "80 GiB", "3.35 TB/s", "50 ms", "12 req/s" to plain numbers in SI units.
-- A bare number is taken to be in the SI unit already. Bits become bytes; k, M, G, T are powers of
-- 1000 and Ki, Mi, Gi, Ti of 1024 (IEC 80000-13).
local lazy = require "oracle.lazy"
local lpeg = require "lpeg"
local spelling = lazy "oracle.text.spelling"

local units = {}

-- What a dimension is called, its SI unit, an example for messages, and units to suggest.
local DIMENSIONS = {
  ["time"]     = { name = "a time", si = "s", example = "50 ms",
                   suggest = { "ns", "us", "ms", "s", "min", "h", "d" } },
  ["bytes"]    = { name = "a size in bytes", si = "B", example = "80 GiB",
                   suggest = { "B", "kB", "MB", "GB", "TB", "KiB", "MiB", "GiB", "TiB", "Gbit" } },
  ["bytes/s"]  = { name = "a bandwidth", si = "B/s", example = "3.35 TB/s",
                   suggest = { "B/s", "MB/s", "GB/s", "TB/s", "GiB/s", "Gbit/s", "Mbit/s" } },
  ["req/s"]    = { name = "a request rate", si = "req/s", example = "12 req/s",
                   suggest = { "req/s", "req/min", "req/h" } },
  ["tok/s"]    = { name = "a token rate", si = "tok/s", example = "4000 tok/s",
                   suggest = { "tok/s", "tok/min" } },
  ["tokens"]   = { name = "a number of tokens", si = "tokens", example = "8 ktok",
                   suggest = { "tokens", "tok", "ktok", "Mtok" } },
  ["requests"] = { name = "a number of requests", si = "requests", example = "500 requests",
                   suggest = { "requests", "req", "kreq" } },
  ["flop/s"]   = { name = "a compute rate", si = "FLOP/s", example = "989 TFLOP/s",
                   suggest = { "GFLOP/s", "TFLOP/s", "PFLOP/s", "TFLOPS" } },
  ["flop"]     = { name = "an amount of compute", si = "FLOP", example = "3 PFLOP",
                   suggest = { "GFLOP", "TFLOP", "PFLOP" } },
  ["ratio"]    = { name = "a share", si = "1", example = "90 %", suggest = { "%" } },
  ["power"]    = { name = "a power", si = "W", example = "700 W", suggest = { "W", "kW", "MW" } },
  ["money"]    = { name = "a sum of money", si = "USD", example = "3 USD", suggest = { "USD" } },
  ["money/s"]  = { name = "a price per time", si = "USD/s", example = "2.5 USD/h", suggest = { "USD/h", "USD/s" } },
}

local DECIMAL = { [""] = 1, n = 1e-9, u = 1e-6, ["µ"] = 1e-6, m = 1e-3, k = 1e3, K = 1e3, M = 1e6, G = 1e9,
                  T = 1e12, P = 1e15 }
local BINARY = { Ki = 2^10, Mi = 2^20, Gi = 2^30, Ti = 2^40, Pi = 2^50 }

-- symbol -> { dimension, factor to SI }
local SYMBOLS = {
  min = { "time", 60 }, minute = { "time", 60 }, minutes = { "time", 60 },
  h = { "time", 3600 }, hour = { "time", 3600 }, hours = { "time", 3600 },
  d = { "time", 86400 }, day = { "time", 86400 }, days = { "time", 86400 },
  second = { "time", 1 }, seconds = { "time", 1 },
  req = { "requests", 1 }, request = { "requests", 1 }, requests = { "requests", 1 }, kreq = { "requests", 1e3 },
  tok = { "tokens", 1 }, token = { "tokens", 1 }, tokens = { "tokens", 1 },
  ktok = { "tokens", 1e3 }, Mtok = { "tokens", 1e6 },
  rps = { "req/s", 1 }, Hz = { "1/s", 1 },
  ["%"] = { "ratio", 0.01 },
  USD = { "money", 1 }, ["$"] = { "money", 1 },
}

local function add(names, dimension, factor, prefixes)
  for prefix, scale in pairs(prefixes) do                 -- order does not matter: each key is written once
    for _, name in ipairs(names) do SYMBOLS[prefix .. name] = { dimension, factor * scale } end
  end
end

local function pick(from, keys)
  local t = {}
  for _, k in ipairs(keys) do t[k] = from[k] end
  return t
end

local LARGE = { "", "k", "K", "M", "G", "T", "P" }
add({ "s", "sec" }, "time", 1, pick(DECIMAL, { "", "n", "u", "µ", "m" }))
add({ "B", "byte", "bytes" }, "bytes", 1, pick(DECIMAL, LARGE))
add({ "B", "bytes" }, "bytes", 1, BINARY)
add({ "bit", "bits", "b" }, "bytes", 1 / 8, pick(DECIMAL, LARGE))
add({ "bit" }, "bytes", 1 / 8, BINARY)
add({ "bps" }, "bytes/s", 1 / 8, pick(DECIMAL, { "k", "M", "G", "T" }))
add({ "FLOP", "FLOPs", "flop" }, "flop", 1, pick(DECIMAL, LARGE))
add({ "FLOPS", "flops" }, "flop/s", 1, pick(DECIMAL, LARGE))
add({ "W" }, "power", 1, pick(DECIMAL, { "", "m", "k", "M" }))

local RATES = { bytes = "bytes/s", requests = "req/s", tokens = "tok/s", flop = "flop/s", money = "money/s" }

-- quantity <- ws number ws unit? ws !.        unit <- symbol ("/" symbol)? / "1"? "/" symbol
local function grammar()
  local P, R, S, C, Cc, Ct = lpeg.P, lpeg.R, lpeg.S, lpeg.C, lpeg.Cc, lpeg.Ct
  local ws, digits = S(" \t")^0, R("09")^1
  local number = S("+-")^-1 * (digits * ("_" * digits)^0 * (P(".") * digits^-1)^-1 + P(".") * digits)
    * (S("eE") * S("+-")^-1 * digits)^-1
  local symbol = C((1 - S("/ \t"))^1)
  local per = ws * "/" * ws * symbol
  local unit = P("1")^-1 * per * Cc("per") + symbol * per * Cc("ratio") + symbol * Cc("plain") + Cc("none")
  return Ct(ws * C(number) * ws * unit * ws * -1)
end

local QUANTITY = grammar()

-- The unit of a parsed quantity: its dimension and factor, or nil when no such unit exists.
local function measure(parts)
  local form = parts[#parts]
  if form == "none" then return nil, 1 end
  if form == "plain" then
    local u = SYMBOLS[parts[2]]
    if u then return u[1], u[2] end
    return false
  end
  local over = SYMBOLS[parts[form == "per" and 2 or 3]]
  if not over or over[1] ~= "time" then return false end
  if form == "per" then return "1/s", 1 / over[2] end
  local u = SYMBOLS[parts[2]]
  local rate = u and RATES[u[1]]
  if not rate then return false end
  return rate, u[2] / over[2]
end

-- "1/s" fits every rate of counted things.
local function fits(found, wanted)
  return found == wanted or (found == "1/s" and (wanted == "req/s" or wanted == "tok/s"))
end

local function unknown_unit(text, d)
  local written = text:match("^[%s%d%.+_eE-]*(.-)%s*$")
  if written == "" then written = text end
  local near = spelling.find(written, d.suggest)
  if near then return ('"%s": unknown unit "%s"; did you mean "%s"?'):format(text, written, near) end
  return ('"%s": unknown unit "%s"; %s has one of %s'):format(text, written, d.name, table.concat(d.suggest, ", "))
end

--- Parse a quantity.
-- @param value a number (SI already) or a string
-- @param dimension "time", "bytes", "bytes/s", "req/s", "tok/s", "tokens", "requests", "flop/s", "ratio", "power" ...
-- @return the number in SI units; or nil and a message
function units.parse(value, dimension)
  local d = assert(DIMENSIONS[dimension], dimension)
  if type(value) == "number" then return value end
  if type(value) ~= "string" then
    return nil, ('%s expected (such as "%s"), got a %s'):format(d.name, d.example, type(value))
  end
  local parts = QUANTITY:match(value)
  if not parts then
    return nil, ('"%s": %s expected, such as "%s"'):format(value, d.name, d.example)
  end
  local found, factor = measure(parts)
  if found == false then return nil, unknown_unit(value, d) end
  if found and not fits(found, dimension) then
    local is = DIMENSIONS[found] and DIMENSIONS[found].name or "a rate"
    return nil, ('"%s" is %s; %s expected, such as "%s"'):format(value, is, d.name, d.example)
  end
  local number = parts[1]:gsub("_", "")
  return tonumber(number) * factor
end

--- What a dimension is called in messages, and an example of it.
function units.describe(dimension)
  local d = DIMENSIONS[dimension]
  return d.name, d.example, d.si
end

local STEPS = {
  ["bytes"]   = { { 2^40, "TiB" }, { 2^30, "GiB" }, { 2^20, "MiB" }, { 2^10, "KiB" }, { 1, "B" } },
  ["bytes/s"] = { { 1e12, "TB/s" }, { 1e9, "GB/s" }, { 1e6, "MB/s" }, { 1, "B/s" } },
  ["time"]    = { { 86400, "d" }, { 3600, "h" }, { 60, "min" }, { 1, "s" }, { 1e-3, "ms" }, { 1e-6, "us" },
                  { 1e-9, "ns" } },
}

--- A quantity for people to read: "15.0 GiB".
function units.format(value, dimension)
  for _, step in ipairs(STEPS[dimension] or {}) do
    if math.abs(value) >= step[1] then return ("%.4g %s"):format(value / step[1], step[2]) end
  end
  return ("%.4g %s"):format(value, DIMENSIONS[dimension].si)
end

--- A whole number with thousands separated: 1,234,567.
function units.thousands(n)
  local digits = ("%d"):format(math.tointeger(n) or math.floor(n + 0.5))
  local sign, rest = digits:match("^(-?)(%d+)$")
  rest = rest:reverse():gsub("(%d%d%d)", "%1,"):reverse():gsub("^,", "")
  return sign .. rest
end

return units
