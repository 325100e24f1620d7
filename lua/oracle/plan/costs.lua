--- What prices the steps of a deployment: the kind of cost model, its parameters, and which fit they are of.
local cost_model = require "oracle.cost_model"
local systems = require "oracle.system"

local costs = {}

local function add_once(list, text)
  for _, one in ipairs(list) do
    if one == text then return end
  end
  list[#list + 1] = text
end

--- What cost_model.create sees of a deployment, on that GPU.
function costs.context(r, d, hardware, find)
  local e = r.engine
  return { model = d.model, hardware = hardware, layout = d.layout, names = d.names, find = find, engine = e,
           fitted_as = systems.get(e.system).fitted_as or systems.get(e.system).name }
end

--- The kind of cost model of a deployment on these GPUs.
-- @return a kind; why no fit prices it where "auto" found none
function costs.settle(r, d, gpus)
  local kind, without
  for _, gpu in ipairs(gpus) do
    local why
    kind, why = cost_model.settle(r.cost.kind, costs.context(r, d, gpu))
    without = without or why
  end
  return without and "roofline" or kind, without
end

--- The parameters of stages on chips of other generations: a list with all of them; nil: they are alike.
function costs.stages(r, d, find)
  local other, list = false, {}
  for i, gpu in ipairs(d.stages or {}) do
    other = other or gpu.generation ~= d.hardware.generation
    list[i] = cost_model.create(d.cost_kind, r.cost, costs.context(r, d, gpu, find))
  end
  return other and list or nil
end

--- The engine's cost parameters, and a model of the user's own over them or nil; the deployment is told what they were
-- fitted to.
function costs.params(r, d, find, warnings)
  local params, about = cost_model.create(d.cost_kind, r.cost, costs.context(r, d, d.hardware, find))
  d.fit, d.accuracy, d.cost_model = about.fit, about.accuracy, cost_model.label(d.cost_kind)
  if d.without_fit then
    add_once(warnings, ("cost: %s; the roofline of the data sheet is used"):format(d.without_fit))
  end
  for _, w in ipairs(about.warnings) do add_once(warnings, w) end
  if not about.own then return params end
  return params, cost_model.engine(about.own, { model = d.model, hardware = d.hardware, layout = d.layout,
                                                cost = params, engine = r.engine })
end

--- What the deployments of pools say under a key, each once: "vllm + sglang".
function costs.joined(list, key)
  local names = {}
  for _, p in ipairs(list) do
    if p.deployment[key] then add_once(names, p.deployment[key]) end
  end
  return names[1] and table.concat(names, " + ")
end

return costs
