--- `workload`: client profiles become workloads of oracle.workload, side by side in a mix.
local lazy = require "oracle.lazy"
local distribution = require "oracle.formats.yaml.distribution"
local document = require "oracle.formats.document"
local fields = require "oracle.formats.fields"
local framework = lazy "oracle.formats.yaml.framework"
local join = require("oracle.formats.problems").join
local policies = lazy "oracle.policy"
local prefix = lazy "oracle.workload.parts.prefix"
local schema = lazy "oracle.scenario.schema"
local spelling = lazy "oracle.text.spelling"

local workload = {}

local KEYS = {
  "total_duration", "total_requests_to_generate", "random_seed", "bytes_per_token_estimate_for_network",
  "load_balancing_strategy", "framework_weights", "max_turns_per_session", "accumulate_conversational_tokens",
  "generate_prompt_tokens", "prefix_patterns", "client_profiles",
}

local PROFILE_KEYS = {
  "profile_name", "weight", "inter_arrival_time_dist_config", "prompt_tokens_dist_config",
  "max_output_tokens_dist_config", "conversational_probability", "streaming_response_probability",
  "user_priority_dist_config", "follow_up_inter_arrival_time_dist_config", "prefix_pattern", "max_turns_per_session",
  "continuation_probability", "arrival_rate", "arrival_cv", "timeout_s", "prompt_pool",
}

-- Of a profile whose requests a Lua file makes.
local GENERATOR_KEYS = { "profile_name", "weight", "generator", "params", "timeout_s" }

-- A key that stands for one of a workload whose requests are drawn.
local function own_key(p, path, t, key, name, label)
  return fields.stands_for(p, path, t, key, "workload." .. name, { kind = "gamma", label = label })
end

-- A distribution that stands for such a key.
-- @param expected requests that are drawn from it, where that is known
local function drawn(p, path, t, key, name, what, absent, expected)
  p:place("workload." .. name, join(path, key))
  return distribution.read(p, path, t, key, what, absent, expected)
end

local WEIGHT = { type = "number", min = 0, max = 1e9 }

-- Keys of example files that no program has ever read.
local UNREAD = {
  turn_type_dist_config = "conversational_probability and continuation_probability shape sessions",
  request_count_dist_config = "max_turns_per_session and continuation_probability shape sessions",
}

-- ---- arrivals ----

-- About how many requests of its own a profile will have; nil where nothing tells.
local function expected_of(w, common)
  local gap = w.rate and 1 / w.rate or w.inter_arrival and distribution.middle(w.inter_arrival)
  local by_time = common.duration and gap and gap > 0 and common.duration / gap
  local n = math.min(by_time or math.huge, common.count or math.huge)
  return n < 1e9 and math.max(2, math.floor(n + 0.5)) or nil
end

-- Gaps of a kind the engine has a process of its own for; anything else is a renewal process.
local ARRIVALS = {
  constant = function(d) return { kind = "constant", rate = 1 / d.value }, d.value > 0 end,
  exponential = function(d) return { kind = "poisson", rate = 1 / d.mean }, true end,
  gamma = function(d)
    return { kind = "gamma", rate = 1 / (d.shape * d.scale), cv = 1 / math.sqrt(d.shape) }, true
  end,
}

-- How many gaps there will be of those that go from one length to another.
local function gaps_expected(d, common)
  local from, to = type(d) == "table" and d.start, type(d) == "table" and d["end"]
  local mean = type(from) == "number" and type(to) == "number" and (from + to) / 2 or 0
  return expected_of({ rate = mean > 0 and 1 / mean or nil }, common)
end

local function arrivals(p, path, t, common)
  local at = join(path, "inter_arrival_time_dist_config")
  if t.arrival_rate ~= nil then
    if t.inter_arrival_time_dist_config ~= nil then
      return p:add(join(path, "arrival_rate"), "inter_arrival_time_dist_config is given too; leave one out")
    end
    local rate = own_key(p, path, t, "arrival_rate", "rate")
    local cv = own_key(p, path, t, "arrival_cv", "cv")
    return rate and { kind = cv and cv ~= 1 and "gamma" or "poisson", rate = rate, cv = cv ~= 1 and cv or nil }
  end
  if t.arrival_cv ~= nil then p:add(join(path, "arrival_cv"), "goes with arrival_rate, which is missing") end
  for _, name in ipairs { "rate", "cv" } do p:place("workload." .. name, at) end   -- which some kinds of gaps become
  local d = drawn(p, path, t, "inter_arrival_time_dist_config", "inter_arrival", "time",
    ("Client profile %s missing inter_arrival_time_dist_config"):format(path:match("%d+") or "?"),
    gaps_expected(t.inter_arrival_time_dist_config, common))
  if not d then return nil end
  if distribution.still(d) then return p:add(at, "a gap above 0 between requests expected") end
  local make = not (d.min and d.min > 0) and not d.max and ARRIVALS[d.kind]
  local process, good = nil, true
  if make then process, good = make(d) end
  if not good then return p:add(at, "a gap above 0 between requests expected") end
  return process or { kind = "renewal", inter_arrival = d }
end

-- ---- conversations ----

local function conversation(p, path, t, common)
  local probability = own_key(p, path, t, "conversational_probability", "conversation.probability")
  local think = drawn(p, path, t, "follow_up_inter_arrival_time_dist_config", "conversation.think", "time")
  local turns = own_key(p, path, t, "max_turns_per_session", "conversation.max_turns")
  local continue = own_key(p, path, t, "continuation_probability", "conversation.continue_probability")
  if not probability or probability == 0 then
    for _, key in ipairs { "follow_up_inter_arrival_time_dist_config", "max_turns_per_session",
                           "continuation_probability" } do
      if t[key] ~= nil then p:warn(join(path, key), "has no effect: conversational_probability is 0") end
    end
    return nil
  end
  return {
    probability = probability, think = think or { kind = "constant", value = 5 },
    max_turns = turns or common.max_turns, continue_probability = continue or 0.7, accumulate = common.accumulate,
    first_follow_up = not continue or nil,                -- who opens a session comes back at least once
  }
end

-- ---- prefixes ----

-- The rows of the scenario's own patterns.
local function pattern_rows()
  return schema.row("workload.prefix", "gamma").of.fields
end

-- A prefix has the length that its name stands for, or says its own.
local function known_name(p, path, kind, part)
  local names = prefix.TOKENS[kind]
  if not names or part.name == nil or part.tokens or names[part.name] then return end
  local valid = {}
  for name in pairs(names) do valid[#valid + 1] = name end
  table.sort(valid)
  local near = spelling.find(part.name, valid)
  p:add(join(path, "name"), "%s: unknown %s prefix without a length; %s", part.name, kind,
    near and ("did you mean %s?"):format(near) or "known: " .. table.concat(valid, ", "))
end

local function component(p, path, t)
  if not fields.entry(p, path, t) then return nil end
  local rows = pattern_rows().components.of.fields
  fields.known(p, path, t, { "type", "name", "length" })
  if t.type == nil then p:add(path, "missing type; one of %s", table.concat(rows.type.values, ", ")) end
  local part = { type = fields.value(p, path, t, "type", rows.type, "%s: unknown prefix type"),
                 name = fields.value(p, path, t, "name", rows.name),
                 tokens = fields.value(p, path, t, "length", rows.tokens) }
  known_name(p, path, part.type, part)
  return part
end

local function pattern(p, path, t)
  if not fields.entry(p, path, t) then return nil end
  fields.known(p, path, t, { "type", "name", "weight", "components", "length", "variants" })
  local rows = pattern_rows()
  local out = {
    type = fields.value(p, path, t, "type", rows.type, "%s: unknown prefix type"),
    name = fields.value(p, path, t, "name", rows.name),
    tokens = fields.value(p, path, t, "length", rows.tokens),
    weight = fields.value(p, path, t, "weight", rows.weight),
    variants = fields.value(p, path, t, "variants", rows.variants),
  }
  if t.type == nil then p:add(path, "missing type; one of %s", table.concat(rows.type.values, ", ")) end
  known_name(p, path, out.type, out)
  local parts = fields.list(p, path, t, "components")
  if out.type == "mixed" and not parts and t.components == nil then
    p:add(join(path, "components"), "missing; a mixed prefix lists its parts")
  end
  if parts then
    if #parts == 0 then p:add(join(path, "components"), "empty; a mixed prefix lists its parts") end
    out.components = {}
    for i = 1, #parts do out.components[i] = component(p, join(join(path, "components"), i - 1), parts[i]) end
  end
  return out
end

local function patterns(p, path, t)
  local section = fields.map(p, path, t, "prefix_patterns")
  if not section then return nil end
  local at = join(path, "prefix_patterns")
  fields.known(p, at, section, { "patterns" })
  local list = fields.list(p, at, section, "patterns", "missing; a list of prefix patterns expected")
  if not list or #list == 0 then return nil end
  local out, total = {}, 0
  for i = 1, #list do
    out[i] = pattern(p, join(join(at, "patterns"), i - 1), list[i])
    total = total + (out[i] and out[i].weight or 1)
  end
  if total <= 0 then p:add(join(at, "patterns"), "all weights are zero") end
  return out
end

-- One pattern of a profile alone.
local function own_pattern(p, path, t)
  local v = t.prefix_pattern
  if v == nil then return nil end
  local at = join(path, "prefix_pattern")
  if document.is_list(v) then
    local out = {}
    for i = 1, #v do out[i] = pattern(p, join(at, i - 1), v[i]) end
    return out
  end
  return { pattern(p, at, v) }
end

-- ---- profiles ----

local function lengths(p, path, t, index, expected)
  local prompt = drawn(p, path, t, "prompt_tokens_dist_config", "prompt", "tokens",
    ("Client profile %d missing prompt_tokens_dist_config"):format(index), expected)
  local output = drawn(p, path, t, "max_output_tokens_dist_config", "output", "tokens",
    ("Client profile %d missing max_output_tokens_dist_config"):format(index), expected)
  return prompt, output
end

-- A weight of 1 says nothing and goes unmentioned.
local function weight(p, path, t)
  local v = fields.value(p, path, t, "weight", WEIGHT)
  if v and v ~= 1 then
    p:warn(join(path, "weight"), "has no effect: %s has arrivals of its own, and the rates of profiles add",
      fields.quote(t.profile_name or path))
  end
end

-- Requests that a Lua file makes, which is looked for beside the configuration.
local function generated(p, path, t)
  fields.known(p, path, t, GENERATOR_KEYS)
  p:place("workload.path", join(path, "generator"))
  p:place("workload.params", join(path, "params"))
  return { kind = "generator", path = fields.text(p, path, t, "generator"), params = fields.map(p, path, t, "params"),
           timeout = own_key(p, path, t, "timeout_s", "timeout") }
end

local drawn_profile                                       -- below

local function profile(p, index, t, common)
  local path = join("workload.client_profiles", index)
  if not fields.entry(p, path, t) then return nil end
  local w = t.generator ~= nil and generated(p, path, t) or drawn_profile(p, path, t, index, common)
  w.name = fields.text(p, path, t, "profile_name")
  if t.profile_name == nil then p:add(join(path, "profile_name"), "missing; what the profile is called") end
  weight(p, path, t)
  return w
end

-- Requests that are drawn.
drawn_profile = function(p, path, t, index, common)
  fields.known(p, path, t, PROFILE_KEYS, UNREAD)
  local w = arrivals(p, path, t, common) or {}
  w.prompt, w.output = lengths(p, path, t, index, expected_of(w, common))
  w.conversation = conversation(p, path, t, common)
  local streaming = own_key(p, path, t, "streaming_response_probability", "streaming")
  if streaming and streaming < 1 then w.streaming = streaming end
  w.priority = drawn(p, path, t, "user_priority_dist_config", "priority", "tokens")
  w.timeout = own_key(p, path, t, "timeout_s", "timeout")
  w.prompt_pool = own_key(p, path, t, "prompt_pool", "prompt_pool")
  if w.prompt_pool and w.conversation then
    p:add(join(path, "prompt_pool"), "sessions continue what was said, they do not ask again; leave it out or"
      .. " conversational_probability")
  end
  w.prefix = own_pattern(p, path, t) or (common.prefix_on and common.prefix) or nil
  return w
end

local function profiles(p, t, common)
  local list = fields.list(p, "workload", t, "client_profiles", "Workload missing client_profiles")
  if not list then return {} end
  if #list == 0 then p:add("workload.client_profiles", "Workload missing client_profiles") end
  local out, names = {}, {}
  for i = 1, #list do
    local w = profile(p, i - 1, list[i], common)
    if w and w.name and names[w.name] then
      p:add(join(join("workload.client_profiles", i - 1), "profile_name"), "Duplicate profile name: %s", w.name)
    end
    if w and w.name then names[w.name] = true end
    out[#out + 1] = w
  end
  return out
end

-- ---- balancing ----

local function weights_of(p, t, frameworks)
  local map = fields.map(p, "workload", t, "framework_weights")
  if not map then return nil end
  local path, names, out = "workload.framework_weights", {}, {}
  for _, f in ipairs(frameworks) do
    if f.target and f.name then names[#names + 1] = f.name end
  end
  fields.known(p, path, map, names)
  local total = 0
  for _, name in ipairs(names) do
    out[name] = fields.value(p, path, map, name, WEIGHT) or 1
    total = total + out[name]
  end
  if #names > 0 and total <= 0 then p:add(path, "all weights are zero") end
  return out
end

local function balancing(p, t, frameworks)
  local name = t.load_balancing_strategy
  p:place("router", "workload.load_balancing_strategy")
  if type(name) == "table" then
    name = framework.policy(p, "workload", t, "load_balancing_strategy", "router")
  elseif type(name) ~= "string" or not name:match("%.lua$") then
    name = fields.choice(p, "workload", t, "load_balancing_strategy", policies.names "router",
      "Unknown load balancing strategy: %s")
  end
  local weights = weights_of(p, t, frameworks)
  if weights and (name or t.load_balancing_strategy == nil) and name ~= "weighted_random" then
    p:warn("workload.framework_weights", "has no effect: load_balancing_strategy is %s",
      type(name) == "table" and name[1] or name or "round_robin")
  end
  return name, weights
end

--- Read the section.
-- @param frameworks of oracle.formats.yaml.framework
-- @return { workload = oracle.scenario's, router = name, path or nil, weights = target's name -> its weight, or nil,
-- seed =, bytes_per_token = }
function workload.read(p, t, frameworks)
  local path = "workload"
  fields.known(p, path, t, KEYS)
  if t.total_duration == nil then p:add(path, "Workload missing total_duration") end
  local duration = own_key(p, path, t, "total_duration", "duration", "Invalid workload total_duration: %s")
  local count = own_key(p, path, t, "total_requests_to_generate", "count")
  local common = {
    max_turns = own_key(p, path, t, "max_turns_per_session", "conversation.max_turns") or 10,
    accumulate = fields.boolean(p, path, t, "accumulate_conversational_tokens"),
    prefix_on = fields.boolean(p, path, t, "generate_prompt_tokens"),
    prefix = patterns(p, path, t), duration = duration, count = count,
  }
  if common.prefix and not common.prefix_on then
    p:warn("workload.prefix_patterns", "has no effect without generate_prompt_tokens: true")
  end
  local list = profiles(p, t, common)
  local out = { list = list, duration = duration, count = count }
  out.seed = fields.stands_for(p, path, t, "random_seed", "seed")
  out.bytes_per_token = fields.stands_for(p, path, t, "bytes_per_token_estimate_for_network",
    "client_link.bytes_per_token")
  out.router, out.weights = balancing(p, t, frameworks)
  if #list == 1 then
    out.workload = list[1]
    out.workload.duration, out.workload.count = duration, count
  elseif #list > 1 then
    out.workload = { kind = "mix", profiles = list, duration = duration, count = count }
  end
  return out
end

return workload
