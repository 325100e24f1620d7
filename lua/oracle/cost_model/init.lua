--- Cost models by name: what turns a checked `cost` section into the engine's parameters (orc_cost_params,
-- src/cost/step.h). A model is a file of this folder that returns
--   { parameters = function(c, context) -> parameters, about; about.own: a model in Lua over them (parts/own.lua),
--     keys = what it reads of `cost` besides cost_model.KEYS, as in oracle.scenario.keys,
--     all_reduce = "auto": that of deployments that name none, a ring unless said,
--     without = { { names of keys, why they say nothing to it }, ... } }
--   cost_model.create("roofline", {}, context)
--   cost_model.create("vllm_roofline", { calibration = "gb10.json" }, context)
local fields = require "oracle.scenario.fields"
local finder = require "oracle.text.finder"
local lazy = require "oracle.lazy"
local own = lazy "oracle.cost_model.parts.own"
local spelling = require "oracle.text.spelling"

local cost_model = {}

-- The kind that a scenario has which says none: calibrated where a fit covers engine and chip, else the roofline.
local AUTO = "auto"

local seconds = fields.seconds

local function share(name, default, doc)
  return { name, "number", dimension = "ratio", min = 0, open = true, max = 1, default = default, doc = doc }
end

--- Shares of the data sheet's peaks.
cost_model.SHARES = {
  share("mfu", nil, "share of the peak FLOP/s reached; sets prefill_mfu and decode_mfu"),
  share("mbu", nil, "share of the memory bandwidth reached; sets prefill_mbu and decode_mbu"),
  share("prefill_mfu", 0.5, "steps with prompt tokens"), share("prefill_mbu", 0.8, "steps with prompt tokens"),
  share("decode_mfu", 0.5, "steps that only decode"), share("decode_mbu", 0.8, "steps that only decode"),
}

--- What a step takes besides.
cost_model.OVERHEADS = {
  { "smooth_p", "number", min = 0, max = 1000, default = 0,
    doc = "exponent of the smooth maximum of the two roofs; 0: the hard maximum" },
  seconds("step_overhead", "added to every step", { default = 0 }),
  seconds("layer_overhead", "added per layer and step", { default = 0 }),
  seconds("prefill_comm_overhead", "added to every step with prompt tokens", { default = 0 }),
  seconds("decode_comm_overhead", "added to every step that only decodes", { default = 0 }),
  seconds("sequence_overhead", "added per sampled sequence and step", { default = 0 }),
  seconds("lora_layer_overhead", "added per layer of a step with LoRA adapters in it", { default = 0 }),
  { "moe_imbalance", "number", min = 1, max = 1000, default = 1, doc = "busiest expert over the mean" },
}

-- What a client sees later than the server does.
local CLIENT = {
  seconds("request_overhead", "added once to a request's first token", { default = 0 }),
  { "stream_interval", "number", min = 0, max = 1e6,
    doc = "steps between a token and its client; 0, or what a fit says" },
}

--- The names there are of models.
function cost_model.names()
  return finder.names "cost_model"
end

local function load(name)
  return finder.load("cost_model", name)
end

--- Whether a value stands for a model of the user's own: the path of a Lua file, a function, or a table of functions.
function cost_model.is_own(v)
  if type(v) == "string" then return v:match("%.lua$") ~= nil end
  if type(v) ~= "table" then return type(v) == "function" end
  for key, inner in pairs(v) do
    if type(inner) == "function" and key ~= "kind" then return true end
  end
  return false
end

--- The keys of `cost`: those of all models, then each model's own.
function cost_model.keys()
  local kinds = cost_model.names()
  table.insert(kinds, 1, AUTO)
  local list = { { "kind", "choice", values = kinds, default = AUTO, own = cost_model.is_own,
                   doc = "the cost model, or one of your own: a path, a function, a table of functions; auto: "
                     .. "calibrated where a fit covers engine and chip, else roofline" },
                 { "params", "free", doc = "parameters of a model of your own" } }
  for _, keys in ipairs { cost_model.SHARES, cost_model.OVERHEADS, CLIENT } do
    table.move(keys, 1, #keys, #list + 1, list)
  end
  for _, name in ipairs(cost_model.names()) do
    local theirs = load(name).keys or {}
    table.move(theirs, 1, #theirs, #list + 1, list)
  end
  return list
end

local function without_key(t, key)
  local copy = {}
  for k, v in pairs(t) do copy[k] = v end
  copy[key] = nil
  return copy
end

-- Keys that say nothing to a model, each with why.
local function without_effect(name)
  local why = {}
  for _, other in ipairs(cost_model.names()) do
    for _, key in ipairs(load(other).keys or {}) do why[key[1]] = "goes with kind " .. other end
  end
  for _, key in ipairs(load(name).keys or {}) do why[key[1]] = nil end
  for _, pair in ipairs(load(name).without or {}) do
    for _, key in ipairs(pair[1]) do why[key[1]] = pair[2] end
  end
  return why
end

-- Whether a section says something of those keys.
local function says(written, lists)
  for _, list in ipairs(lists) do
    for _, key in ipairs(list) do
      if written[key[1] ] ~= nil then return true end
    end
  end
  return false
end

--- The kind that a section means: who says what only the roofline reads wants that, and who names a fit wants it.
-- @param written, kind as in cost_model.check
-- @return one of cost_model.names(), a model of one's own, or "auto", for cost_model.settle
function cost_model.meant(written, kind)
  if type(written) ~= "table" or kind ~= AUTO and kind ~= "calibrated" then return kind end
  if written.fit == "none" then return "roofline" end
  if written.fit ~= nil or kind ~= AUTO then return "calibrated" end
  return says(written, { cost_model.SHARES, cost_model.OVERHEADS }) and "roofline" or AUTO
end

--- What `--fit` and `--force` make of a scenario's `cost`.
-- @param written the section as it was written
-- @param fit the name or path of a fit; "none": the roofline where a fit would price it; nil: the section's
-- @param force takes the fit though it is of another engine or chip
-- @return the section; or nil and what is wrong
function cost_model.with_fit(written, fit, force)
  if cost_model.is_own(written) or type(written) == "table" and cost_model.is_own(written.kind) then
    return nil, "--fit: the scenario has a cost model of its own"
  end
  local made = without_key(type(written) == "table" and written or { kind = written }, "fit")
  if fit == "none" then
    local priced = made.kind == nil or made.kind == AUTO or made.kind == "calibrated"
    if priced then made.kind, made.force_fit, made.engine_version = "roofline", nil, nil end
  else
    made.kind, made.fit = "calibrated", fit or type(written) == "table" and written.fit or nil
    made.force_fit = force or made.force_fit
    if not made.fit then return nil, "--force: goes with --fit NAME" end
  end
  return made
end

--- Whether what a user wrote in `cost` has an effect: a knob without one is a mistake.
-- @param written the section as it was written, a kind's name or nil
-- @param kind of cost_model.meant
-- @return true; or nil and "cost.key: what"
function cost_model.check(written, kind)
  if type(written) ~= "table" or cost_model.is_own(written) then return true end
  if written.fit == "none" and kind == "roofline" then written = without_key(written, "fit") end
  local is_own = cost_model.is_own(kind)
  local why, keys = without_effect((is_own or kind == AUTO) and "roofline" or kind), {}
  if kind == AUTO then why.force_fit, why.engine_version = nil, nil end
  if not is_own then why.params = "goes with a cost model of your own" end
  for key in pairs(written) do keys[#keys + 1] = key end
  table.sort(keys)
  for _, key in ipairs(keys) do
    if why[key] then return nil, ("cost.%s: %s"):format(key, why[key]) end
  end
  return true
end

--- The kind that prices a deployment.
-- @param kind of cost_model.meant
-- @param context as of cost_model.create, without `layout`
-- @return one of cost_model.names() or a model of one's own; why it is no calibrated one where "auto" found no fit
function cost_model.settle(kind, context)
  if kind ~= AUTO then return kind end
  local known, why = load("calibrated").covers(context)
  if known then return "calibrated" end
  return "roofline", why
end

--- Make the parameters of a model.
-- @param name one of cost_model.names(); case, '-' and '_' do not matter
-- @param c the checked `cost` section (its `kind` is not looked at)
-- @param context { model =, hardware =, layout =, engine = knobs, fitted_as = the engine whose fits count,
--   names = { model =, hardware = }, find = function(path) -> path or nil, why }
-- @return the engine's parameters and { fit = name of the calibration, accuracy = of oracle.models.fits,
--   warnings = {} }; raises "cost.key: what"
function cost_model.create(name, c, context)
  if cost_model.is_own(name) then
    local made = own.resolve(name, c.params or {}, context.find)
    local params, about = load("roofline").parameters(c, context)
    params.params, about.own = nil, made
    return params, about
  end
  local found = finder.find("cost_model", name)
  if found then return load(found).parameters(c, context) end
  local names = cost_model.names()
  local near = spelling.find(tostring(name), names)
  error(('cost.kind: "%s": unknown cost model; %s'):format(tostring(name),
    near and ("did you mean %s?"):format(near) or "one of " .. table.concat(names, ", ")), 0)
end

--- The all-reduce of deployments that name none: a model's `all_reduce`, else a ring.
-- @param kind one of cost_model.names(), or a model of one's own
function cost_model.all_reduce(kind)
  local found = not cost_model.is_own(kind) and finder.find("cost_model", kind)
  return found and load(found).all_reduce or "ring"
end

--- What the file of a model sees besides what a policy's does.
function cost_model.given()
  return own.given()
end

--- What results call a model.
function cost_model.label(kind)
  if not cost_model.is_own(kind) then return kind end
  return type(kind) == "string" and kind:match("([^/]*)%.lua$") or type(kind) == "table" and kind.name or "own"
end

--- What the engine takes for a model of the user's own (src/bind/cost/own_cost.h).
-- @param about its third argument: { model =, hardware =, layout =, cost =, engine = }
function cost_model.engine(made, about)
  return own.engine(made, about)
end

--- The same model for another simulation: nothing that its file keeps is seen by the next.
function cost_model.fresh(spec)
  return own.fresh(spec)
end

return cost_model
