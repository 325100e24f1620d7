--- Whether batching policies keep anything beyond `s`, which is of a replica: variables of their file, what is in
-- tables of theirs, globals. A simulation in several threads has such things once for each thread.
local kept = {}

local FUNCTIONS = { "step", "order", "ended" }

-- What modules and others' functions refer to is not the policy's.
local function modules()
  local list = {}
  for _, module in next, package.loaded do list[module] = true end
  return list
end

local visit = {}

function visit.table(seen, t)
  if seen.not_ours[t] then return end
  local copy = {}
  seen.tables[t] = copy
  for k, v in next, t do
    copy[k] = v
    seen:look(k)
    seen:look(v)
  end
  seen:look(debug.getmetatable(t))
end

visit["function"] = function(seen, f)
  local source = debug.getinfo(f, "S").source
  if not seen.sources[source] then return end
  local copy = {}
  seen.functions[f] = copy
  for i = 1, math.huge do
    local name, value = debug.getupvalue(f, i)
    if not name then break end
    copy[i] = value
    if name == "_ENV" then seen.not_ours[value] = nil end -- where its globals are
    seen:look(value)
  end
end

local function look(seen, value)
  local how = visit[type(value)]
  if how and not seen.tables[value] and not seen.functions[value] then how(seen, value) end
end

local function same(t, copy)
  for k, v in next, t do
    if not rawequal(copy[k], v) then return false end
  end
  for k in next, copy do
    if rawget(t, k) == nil then return false end
  end
  return true
end

local function unchanged(seen)
  for t, copy in next, seen.tables do
    if not same(t, copy) then return false end
  end
  for f, copy in next, seen.functions do
    local i = 1
    while debug.getupvalue(f, i) do
      local _, value = debug.getupvalue(f, i)
      if not rawequal(value, copy[i]) then return false end
      i = i + 1
    end
  end
  return true
end

--- Remember what policies refer to.
-- @param p a batching policy as planning.fresh makes them, a list of such, or nil
-- @return function() -> whether it is the same as now
function kept.watch(p)
  local seen = { tables = {}, functions = {}, sources = {}, not_ours = modules(), look = look }
  for _, one in ipairs(p and (#p > 0 and p or { p }) or {}) do
    for _, name in ipairs(FUNCTIONS) do
      local f = one and one[name]
      if type(f) == "function" then
        seen.sources[debug.getinfo(f, "S").source] = true
        seen:look(f)
      end
    end
  end
  return function() return unchanged(seen) end
end

return kept
