--- What an operator may have a server do while it serves: scale, drain, fail, change. Each comes over HTTP, with its
-- arguments in the query: /scale?replicas=3.
local core = require "oracle.core"
local lazy = require "oracle.lazy"
local edits = lazy "oracle.live.edits"
local live = lazy "oracle.live"
local units = lazy "oracle.text.units"

local orders = {}

local NS = 1e9

-- An order that cannot be carried out; its words are the client's.
local Refusal = {}

local function refuse(...)
  error(setmetatable({ text = string.format(...) }, Refusal), 0)
end

local function decoded(text)
  return (text:gsub("+", " "):gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

-- "a=1&b=2" as a table of texts.
local function arguments(query)
  local out = {}
  for part in query:gmatch("[^&]+") do
    local key, value = part:match("^([^=]*)=?(.*)$")
    out[decoded(key)] = decoded(value)
  end
  return out
end

local function whole(arguments_, key, least, most, otherwise)
  local text = arguments_[key]
  if text == nil and otherwise then return otherwise end
  local n = text and math.tointeger(tonumber(text))
  if not n or n < least or n > most then
    refuse("%s: a whole number from %d to %d expected, got %s", key, least, most, text or "none")
  end
  return n
end

local function replica_of(sim, a)
  return whole(a, "replica", 0, #sim.replicas - 1)
end

-- Units of a pool by phase; replicas in a row that start and stop together are one.
local function units_of(sim, raw, pool)
  local list = {}
  for i = 0, #sim.replicas - 1 do
    local r = raw:replica(i)
    if r.pool == pool and r.first then list[#list + 1] = { first = i, phase = r.phase, load = r.queue + r.running } end
  end
  return list
end

local THERE = { ready = true, starting = true, failed = true }

-- One more: what drains takes requests again, else what is off starts. One less: the one with the fewest requests.
local function step_up(raw, list)
  for _, phase in ipairs { "draining", "off" } do
    for _, u in ipairs(list) do
      if u.phase == phase and raw:restore(u.first) then return true end
    end
  end
end

local function step_down(raw, list)
  local least
  for i = #list, 1, -1 do
    if list[i].phase == "ready" and (not least or list[i].load < least.load) then least = list[i] end
  end
  return least and raw:drain(least.first)
end

local OBEY = {}

function OBEY.scale(sim, _, a)
  local raw = live.engine(sim)
  local pool = whole(a, "pool", 0, 65535, 0)
  local list = units_of(sim, raw, pool)
  if #list == 0 then refuse("pool: no pool %d", pool) end
  local wanted = whole(a, "replicas", 0, #list)
  local function count()
    local n = 0
    for _, u in ipairs(units_of(sim, raw, pool)) do n = n + (THERE[u.phase] and 1 or 0) end
    return n
  end
  while count() < wanted and step_up(raw, units_of(sim, raw, pool)) do end
  while count() > wanted and step_down(raw, units_of(sim, raw, pool)) do end
  return { pool = pool, replicas = count() }
end

-- Level 1 and 2 differ in what of the weights is kept; here both only refuse requests, and forget the cache.
function OBEY.sleep(sim, server, a)
  local raw = live.engine(sim)
  whole(a, "level", 0, 2, 1)
  server:sleep(true)
  orders.asleep[sim] = true
  return { asleep = true, cleared = raw:clear_prefixes() }
end

function OBEY.wake_up(sim, server)
  server:sleep(false)
  orders.asleep[sim] = nil
  return { asleep = false }
end

function OBEY.is_sleeping(sim)
  return { is_sleeping = orders.asleep[sim] == true }
end

function OBEY.reset_prefix_cache(sim)
  local raw = live.engine(sim)
  raw:clear_prefixes()
end

function OBEY.fail(sim, _, a)
  local raw = live.engine(sim)
  local seconds
  if a.lasts then
    seconds = tonumber(a.lasts) or units.parse(a.lasts, "time")
    if not seconds or seconds < 0 or seconds > 1e9 then refuse("lasts: a time such as 30 or \"10 min\" expected") end
  end
  local i = replica_of(sim, a)
  return { replica = i, done = raw:fail(i, seconds and math.floor(seconds * NS + 0.5)) }
end

function OBEY.drain(sim, _, a)
  local i = replica_of(sim, a)
  return { replica = i, done = live.engine(sim):drain(i) }
end

function OBEY.restore(sim, _, a)
  local i = replica_of(sim, a)
  return { replica = i, done = live.engine(sim):restore(i) }
end

-- A value is a number, a truth or a word; nothing that would run.
function OBEY.set(sim, _, a)
  local key, text = a.key, a.value
  if not key or not text then refuse("set: key and value expected") end
  local value = tonumber(text)
  if text == "true" or text == "false" then value = text == "true" end
  if value == nil then value = text end
  if type(value) == "string" and (not text:match "^[%w_%-%. ]*$" or text:match "%.lua%s*$") then
    refuse("value: a number or a name expected")
  end
  sim:set(key, value)
  return { key = key, value = value }
end

function OBEY.reload(sim)
  sim:reload()
  return { reloaded = true }
end

function OBEY.knobs()
  return { keys = edits.keys() }
end

orders.asleep = setmetatable({}, { __mode = "k" })

--- Carry out an order.
-- @return the status of HTTP, and the answer as JSON ("": none)
function orders.obey(sim, server, name, query)
  local ok, answer = pcall(OBEY[name], sim, server, arguments(query))
  if ok then return 200, answer and core.json.encode(answer) or "" end
  local text = getmetatable(answer) == Refusal and answer.text or tostring(answer)
  return 400, core.json.encode { error = { message = text, type = "BadRequestError", code = 400 } }
end

return orders
