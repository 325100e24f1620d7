--- What stands side by side in a comparison: systems, policies, cost models, settings, or scenarios of their own,
-- from the words of a command line.
local lazy = require "oracle.lazy"
local cost_model = lazy "oracle.cost_model"
local literal = lazy "oracle.scenario.literal"
local paths = lazy "oracle.text.paths"
local policies = lazy "oracle.policy"
local sandbox = lazy "oracle.policy.sandbox"
local scenario = require "oracle.scenario"
local spelling = lazy "oracle.text.spelling"
local systems = lazy "oracle.system"

local variants = {}

local function fail(...)
  error(string.format(...), 0)
end

-- Which key a policy, a system or a cost model of a file belongs to.
local function key_of_file(path)
  local given = cost_model.given()
  for name, module in pairs(systems.modules()) do given.modules[name] = module end
  local made, why = sandbox.load(path, given)
  if made == nil and why then fail("%s", scenario.first_line(why)) end
  if systems.is(made) then return "engine.system" end
  if not policies.is(made) and cost_model.is_own(made) then return "cost" end
  local kind = policies.is(made) and policies.kind(made.kind)
  if not kind then fail("%s: returns no policy", path) end
  return kind.key
end

-- A policy's name, folded, and which key it belongs to; else nil, and the names there are are added to `names`.
local function find_policy(word, names)
  local folded = word:lower():gsub("[-%s]", "_")
  for _, k in ipairs(policies.KINDS) do
    for _, name in ipairs(policies.names(k.kind)) do
      if name == folded then return name, k.key end
      names[#names + 1] = name
    end
  end
end

-- { "name or path", parameter = value }, a policy with parameters.
local function with_parameters(word)
  local value = literal.literal(word)
  local first = type(value) == "table" and value[1]
  if type(first) ~= "string" then
    fail('%s: { "name or file of a policy", parameter = value } expected', word)
  end
  if first:match("%.lua$") then return { name = word, key = key_of_file(first), value = value } end
  local names = {}
  local found, key = find_policy(first, names)
  if found then return { name = word, key = key, value = value } end
  local near = spelling.find(first, names)
  fail('%s: "%s": unknown policy%s', word, first, near and "; did you mean " .. near .. "?" or "")
end

-- "KEY=VALUE,KEY=VALUE" in its assignments: a comma parts them where a key and "=" follow, outside brackets and quotes.
local function assignments(text)
  local list, depth, from, quote = {}, 0, 1, nil
  for i = 1, #text do
    local c = text:sub(i, i)
    if quote then
      if c == quote then quote = nil end
    elseif c == '"' or c == "'" then
      quote = c
    elseif c:find "[{%[(]" then
      depth = depth + 1
    elseif c:find "[}%])]" then
      depth = depth - 1
    elseif c == "," and depth == 0 and text:find("^%s*[%a_][%w_.]*%s*=", i + 1) then
      list[#list + 1], from = text:sub(from, i - 1), i + 1
    end
  end
  list[#list + 1] = text:sub(from)
  return list
end

-- "NAME: KEY=VALUE,KEY=VALUE", settings that go together; nil where a word is no such thing.
local function settings_of(word)
  local name, rest = word:match "^%s*([^=:{\"']-)%s*:%s*([%a_][%w_.]*%s*=.*)$"
  local set = {}
  for i, assignment in ipairs(assignments(rest or word)) do
    local key, text = literal.split(assignment)
    if not key then
      if name then fail("%s: KEY=VALUE expected after the name, got %s", word, assignment) end
      return nil
    end
    set[i] = { key, text }
  end
  if name == "" then fail("%s: a name expected before the colon", word) end
  return { name = name or word, set = set }
end

-- What a scenario's file stands for: its deployment.
local function deployment_of(path)
  local s, why = scenario.load(path)
  if not s then return nil, why end
  return { name = path:match "([^/]*)%.%w+$" or path, path = path, scenario = s }
end

--- What a word of `oracle compare` stands for: a serving system, a policy by name or file, { "policy", parameter =
-- value }, settings "KEY=VALUE,KEY=VALUE" with or without "NAME: " before them, or the file of a scenario.
-- @return { name =, key =, value = }, { name =, set = { { key, text }, ... } } or { name =, scenario = }; raises
--   "word: what was expected"
function variants.read(word)
  local is_file = word:match("%.%w+$") and paths.exists(word)
  if not is_file and word:match("^%s*{") then return with_parameters(word) end
  local settings = not is_file and settings_of(word)
  if settings then return settings end
  if is_file and not word:match("%.lua$") then
    local found, why = deployment_of(word)
    return found or fail("%s", why)
  end
  if word:match("%.lua$") then
    local fine, key = pcall(key_of_file, word)
    if fine then return { name = word:match("([^/]*)%.lua$"), path = word, key = key, value = word } end
    return deployment_of(word) or error(key, 0)
  end
  if systems.find(word) then return { name = word, key = "engine.system", value = systems.find(word) } end
  local names = systems.names()
  local found, of = find_policy(word, names)
  if found then return { name = word, key = of, value = found } end
  local near = spelling.find(word, names)
  fail('"%s": a system, a policy, a file of a policy or a scenario, or KEY=VALUE expected%s', word,
    near and "; did you mean " .. near .. "?" or "")
end

local function counts(list)
  local n = {}
  for _, v in ipairs(list) do n[v.name] = (n[v.name] or 0) + 1 end
  return n
end

--- Variants whose names tell them apart: files of one name by their paths, the rest by numbers.
-- @return the list
function variants.named(list)
  local n = counts(list)
  for _, v in ipairs(list) do
    if n[v.name] > 1 and v.path then v.name = v.path end
  end
  n = counts(list)
  local seen = {}
  for _, v in ipairs(list) do
    local name = v.name
    seen[name] = (seen[name] or 0) + 1
    if n[name] > 1 then v.name = ("%s (%d)"):format(name, seen[name]) end
  end
  return list
end

-- What says which requests there are, and how they are counted.
local REQUESTS = { "workload", "warm_up", "duration", "percentiles", "slo", "client_link" }

-- A workload whose files are found from anywhere.
local function at_home(w, s)
  if type(w) ~= "table" or getmetatable(w) then return w end
  local origin, own = scenario.origin(s), {}
  for k, v in pairs(w) do own[k] = at_home(v, s) end
  if type(w.path) == "string" then own.path = paths.find(w.path, origin.folder, origin.typed[w.path]) or w.path end
  if type(w.file) == "string" then own.file = paths.find(w.file, origin.folder, origin.typed[w.file]) or w.file end
  return own
end

-- The deployment of another scenario, asked what this one is.
local function asked_the_same(s, other)
  local one = other:copy()
  if other == s then return one end
  local raw = scenario.raw(s)
  for _, key in ipairs(REQUESTS) do one[key] = at_home(raw[key], s) end
  return one
end

--- The scenario of a variant.
-- @param s the one that says the requests
function variants.scenario(s, variant, seed)
  local one = variant.scenario and asked_the_same(s, variant.scenario) or s:copy()
  one.vary, one.report = nil, nil
  for _, pair in ipairs(variant.set or {}) do
    local ok, why = literal.apply(one, pair[1], pair[2])
    if not ok then fail("%s: %s", variant.name, why) end
  end
  if variant.key then one:set(variant.key, variant.value, true) end
  one.seed = seed
  return one
end

return variants
