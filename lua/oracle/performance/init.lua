--- Performance models by name: what turns a checked `cost` section into the engine's parameters (orc_cost_params,
-- src/cost/step.h). A model is a file of this folder that returns function(c, context) -> parameters, about.
--   performance.create("roofline", {}, context)
--   performance.create("vllm_roofline", { calibration = "gb10.json" }, context)
local performance = {}

--- The names there are.
performance.NAMES = { "roofline", "constant", "vllm_roofline" }

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
