--- What can change while a simulation runs, and why the rest cannot.
local knobs = require "oracle.scenario.knobs"
local lazy = require "oracle.lazy"
local console = lazy "oracle.text.console"
local planning = lazy "oracle.plan"
local policies = require "oracle.policy"
local sandbox = lazy "oracle.policy.sandbox"
local scenario = require "oracle.scenario"
local schema = lazy "oracle.scenario.schema"
local systems = lazy "oracle.system"

local edits = {}

local function fail(...)
  error(string.format(...), 0)
end

-- Where a spec of the engine has the policies of a kind: each pool has an autoscaler.
local function field_of(k)
  return k.kind == "autoscaler" and "autoscalers" or k.kind
end

local LIVE, OF = { duration = "duration" }, {}
for _, k in ipairs(policies.KINDS) do LIVE[k.key], OF[k.key] = "policies", k end
for _, row in ipairs(knobs.fields()) do
  if not row.fixed then LIVE["engine." .. row[1]] = "engine" end
end

-- vLLM's name of a knob that was given in the system's own words, and what kind of change it is.
local function resolve(key, s)
  local knob = key:match("^engine%.([%w_]+)$")
  local system = systems.get(scenario.raw(s).engine and scenario.raw(s).engine.system)
  if knob and system.own[knob] then return key, "version" end
  local canonical = knob and system.aliases[knob] and "engine." .. system.aliases[knob] or key
  return canonical, LIVE[canonical]
end

-- A knob is given once: other words for it give way.
local function clear_aliases(s, canonical)
  local engine = scenario.raw(s).engine
  if type(engine) ~= "table" then return end
  for name, target in pairs(systems.get(engine.system).aliases) do
    if "engine." .. target == canonical then engine[name] = nil end
  end
end

-- Of the parts of a key, the innermost that says why it cannot change.
local function reason(key, s)
  local at, why = "", nil
  for part in key:gmatch("[^.]+") do
    at = at == "" and part or at .. "." .. part
    local node = schema.find(scenario.raw(s), at)
    why = type(node) == "table" and node.fixed or why
  end
  return why or "it is read when a run starts"
end

--- The keys that can change while a simulation runs, sorted.
function edits.keys()
  local keys = {}
  for key in pairs(LIVE) do
    if schema.find({}, key) then keys[#keys + 1] = key end
  end
  table.sort(keys)
  return keys
end

--- Whether a key can change while a simulation of scenario s runs.
function edits.is_live(key, s)
  return select(2, resolve(key, s)) ~= nil
end

-- The knob that changes, as the checked scenario has it.
local function engine_of(key, plan)
  local name, e = key:match("%.(.+)$"), plan.spec.engine
  local changed = { [name] = e[name] }
  if name == "max_num_batched_tokens" then changed.enable_chunked_prefill = e.enable_chunked_prefill end   -- system.off
  return changed
end

-- What a key is now: as written, or as the engine fills it in.
local function value_of(inner, key)
  local value = inner.scenario:get(key)
  if value == nil then
    local name = key:match("^engine%.(.+)$")
    value = name and inner.present.spec.engine[name]
  end
  return value
end

local function duration_of(inner, plan)
  local now, duration = inner.raw:now() / 1e9, plan.scenario.duration
  if duration and duration < now then fail("duration: %g s has passed (t = %.6f s now)", duration, now) end
  return duration
end

--- What to do for s:set(key, value); raises why it cannot be done.
-- @param inner of oracle.live
-- @return an entry of its list of edits
function edits.entry(inner, key, value)
  if type(key) ~= "string" then fail("set: a key such as \"engine.max_num_seqs\" expected") end
  local changed = inner.scenario:copy()
  local canonical, kind = resolve(key, changed)
  clear_aliases(changed, canonical)
  changed:set(key, value)
  if not kind then
    fail("%s cannot change while it runs: %s; s:what_if { [\"%s\"] = { ... } } runs it anew (while it runs: %s)", key,
      reason(canonical, changed), key, table.concat(edits.keys(), ", "))
  end
  local plan = planning.plan(changed)
  local entry = { scenario = changed, plan = inner.present, key = key, from = value_of(inner, key), to = value }
  if kind == "engine" then
    entry.engine = engine_of(canonical, plan)
  elseif kind == "version" then                           -- a knob of the system's policies: what they know stays
    if changed.batching then fail("%s: this run's batching policy is not the system's", key) end
    entry.policies = { batching = plan.spec.batching }
  elseif kind == "policies" then
    local field = field_of(OF[key])
    entry.anew = OF[key].kind
    entry.policies = { [field] = plan.spec[field] or false }
  else
    entry.duration = duration_of(inner, plan)
  end
  return entry
end

-- ---- reloading ----

-- The value of a key in the scenario's file as it is now.
local function from_file(s, key)
  local again, why = scenario.load(scenario.origin(s).path)
  if not again then fail("reload: %s", why) end
  local value = scenario.at(again, key)
  if value == nil then fail("reload: %s: the scenario's file has none any more", (key:gsub("%.(%d+)", "[%1]"))) end
  return value
end

-- A plan whose policies are not those remembered from the first time; when it fails, all is as before.
local function plan_afresh(s)
  local take_back = sandbox.forget_modules()
  local ok, plan = pcall(planning.plan, s)
  if ok then return plan end
  take_back()
  error(plan, 0)
end

-- Pools and groups have autoscalers of their own.
local function renew_scalers(changed, used)
  local any = false
  for _, path in ipairs(scenario.scalers(changed)) do
    local value = scenario.at(changed, path)
    if policies.is(value) and policies.source(value) == "scenario" then
      scenario.at(changed, path:match("^(.*)%.")).policy, any = from_file(changed, path), true
    end
  end
  for _, p in ipairs(used.autoscalers or {}) do any = any or p and policies.source(p) == "file" end
  return any
end

-- Whether the policy of a key is to be had anew; one of the scenario's own file is put into `changed`.
local function renew(changed, key, used)
  local value = changed:get(key)
  if value == nil and key == "autoscaling.policy" then return renew_scalers(changed, used) end
  if value == nil then return key == "batching" or key == "router" end   -- the system's own
  if not policies.is(value) then return true end
  if policies.source(value) ~= "scenario" then return policies.source(value) == "file" end
  changed:set(key, (from_file(changed, key)))
  return true
end

--- What to do for s:reload(); raises what is wrong with a file, and then all is as before.
function edits.reloaded(inner)
  local changed, kinds = inner.scenario:copy(), {}
  for _, k in ipairs(policies.KINDS) do
    if renew(changed, k.key, inner.spec) then kinds[#kinds + 1] = field_of(k) end
  end
  if #kinds == 0 then
    fail("reload: these policies were typed here, not read from files; s:set(\"batching\", policy) takes another")
  end
  local plan, renewed = plan_afresh(changed), {}
  for _, kind in ipairs(kinds) do renewed[kind] = plan.spec[kind] end
  return { scenario = changed, plan = inner.present, policies = renewed, key = "policies", to = "their files, again" }
end

-- ---- what was changed ----

local function brief(v)
  if type(v) == "table" and type(v.name) == "string" then return v.name end
  return v == nil and "the default" or console.plain(v)
end

local VIEW = { __show = function(rows)
  if #rows == 0 then return "nothing was changed\n" end
  local cells = {}
  for i, row in ipairs(rows) do cells[i] = { row.t, row.key, row.from, row.to, row.of } end
  return console.table({ "t (s)", "key", "from", "to", "of" }, cells)
end }

--- What was set and reloaded, for people.
-- @return { { t = s, key =, from =, to =, of = "this branch" or "before it branched off", nil where it is none }, ... }
function edits.view(inner)
  local rows = {}
  for i, entry in ipairs(inner.edits) do
    local of = inner.from and (i > inner.from.edits and "this branch" or "before it branched off") or nil
    rows[i] = { t = (entry.at or 0) / 1e9, key = entry.key, from = brief(entry.from), to = brief(entry.to), of = of }
  end
  return setmetatable(rows, console.printable(VIEW))
end

--- The same in lines: of a branch what it differs in.
function edits.said(inner)
  local lines, from = {}, inner.from
  for i, entry in ipairs(inner.edits) do
    if not from or i > from.edits then
      lines[#lines + 1] = ("  %s: %s -> %s from t = %.6f s on\n"):format(entry.key, brief(entry.from),
        brief(entry.to), (entry.at or 0) / 1e9)
    end
  end
  if from then
    table.insert(lines, 1, ("a branch of %s from t = %.6f s%s\n"):format(from.name, from.at / 1e9,
      #lines == 0 and ", so far the same" or "; of its own:"))
  end
  return table.concat(lines)
end

return edits
