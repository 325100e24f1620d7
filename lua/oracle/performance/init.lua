--- Performance models by name: what turns a checked `cost` section into the engine's parameters (orc_cost_params,
-- src/cost/step.h). A model is a file of this folder that returns function(c, context) -> parameters, about.
--   performance.create("roofline", {}, context)
--   performance.create("vllm_roofline", { calibration = "gb10.json" }, context)
local performance = {}

--- The names there are.
performance.NAMES = { "roofline", "constant", "vllm_roofline" }

-- Keys of `cost` that say nothing to a kind, and why.
local CONSTANT = { "constant_step", "constant_prefill_token" }
local SHARES = { "mfu", "mbu", "prefill_mfu", "prefill_mbu", "decode_mfu", "decode_mbu" }
local OVERHEADS = { "smooth_p", "step_overhead", "layer_overhead", "prefill_comm_overhead", "decode_comm_overhead",
                    "sequence_overhead", "moe_imbalance" }
local WITHOUT_EFFECT = {
  roofline = { [CONSTANT] = "goes with kind constant", [{ "calibration" }] = "goes with kind vllm_roofline" },
  constant = { [SHARES] = "kind constant has no roofs; leave it out", [OVERHEADS] =
    "a step of kind constant takes constant_step and nothing else; leave it out",
               [{ "calibration" }] = "goes with kind vllm_roofline" },
  vllm_roofline = { [CONSTANT] = "goes with kind constant",
                    [SHARES] = "kind vllm_roofline has its rates from the calibration; leave it out" },
}

--- Whether what a user wrote in `cost` has an effect: a knob without one is a mistake.
-- @param written the section as it was written, a kind's name or nil
-- @param kind of oracle.performance, which it chooses
-- @return true; or nil and "cost.key: what"
function performance.check(written, kind)
  if type(written) ~= "table" then return true end
  local why = {}
  for keys, text in pairs(WITHOUT_EFFECT[kind]) do        -- each key is in one list of a kind
    for _, key in ipairs(keys) do why[key] = text end
  end
  local keys = {}
  for key in pairs(written) do keys[#keys + 1] = key end
  table.sort(keys)
  for _, key in ipairs(keys) do
    if why[key] then return nil, ("cost.%s: %s"):format(key, why[key]) end
  end
  return true
end

--- Make the parameters of a model.
-- @param name one of performance.NAMES; case, '-' and '_' do not matter
-- @param c the checked `cost` section (its `kind` is not looked at)
-- @param context { hardware =, layout =, names = { model =, hardware = }, find = function(path) -> path or nil, why }
-- @return the engine's parameters and { fit = name of the calibration, warnings = {} }; raises "cost.key: what"
function performance.create(name, c, context)
  local nearest = require "oracle.nearest"
  for _, valid in ipairs(performance.NAMES) do
    if nearest.fold(valid) == nearest.fold(tostring(name)) then
      return require("oracle.performance." .. valid)(c, context)
    end
  end
  local near = nearest.find(tostring(name), performance.NAMES)
  error(('cost.kind: "%s": unknown performance model; %s'):format(tostring(name),
    near and ("did you mean %s?"):format(near) or "one of " .. table.concat(performance.NAMES, ", ")), 0)
end

return performance
