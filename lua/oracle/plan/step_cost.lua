--- The calculators for files and the prompt, oracle.calc (and oracle.cost): those of oracle.calc, which take a scenario
-- as the deployment. What one step costs, without a run: seconds, itemised, as the engine prices them. Pipeline stages
-- count one after the other, and the sends between them; of pools or groups, one is to be given by itself.
--   local calc = require("oracle").calc
--   local s = { model = "Llama-2-7b", hardware = "a100-80gb", engine = { tensor_parallel_size = 4 } }
--   calc.decode(s, 512).total            one sequence with 512 tokens of context
--   calc.prefill(s, 512).gemm            a prompt of 512 tokens
--   calc.step(s, { decode = { 512, 900 }, prefill = { { tokens = 256, past = 1024, samples = true } } })
local calc = require "oracle.calc"
local lazy = require "oracle.lazy"
local planning = lazy "oracle.plan"
local scenario = require "oracle.scenario"

local DEPLOYMENT = { "model", "hardware", "engine", "cost", "network" }

-- What is there to compute on, from a scenario, its path, a table of its keys, or a deployment.
local function deployment(s)
  if type(s) == "string" then s = scenario.open(s) end
  if type(s) ~= "table" then
    error(("cost: a scenario, its path or its keys expected, got %s"):format(type(s)), 0)
  end
  if not scenario.is(s) and type(s.layout) == "table" then return s end
  s = scenario.is(s) and s or scenario.new(s)
  local own = s:copy()
  local raw = scenario.raw(own)
  for _, key in ipairs { "pools", "groups" } do
    if raw[key] then
      error(("%s: a step is of one of them; give its model, hardware and engine"):format(key), 0)
    end
  end
  local kept = {}
  for _, key in ipairs(DEPLOYMENT) do kept[key] = raw[key] end
  for key in pairs(raw) do raw[key] = nil end
  for key, value in pairs(kept) do raw[key] = value end
  raw.workload = { kind = "batch", count = 1, prompt = 1, output = 1 }
  local plan = planning.plan(own)
  local spec = plan.spec
  return { model = spec.model, hardware = spec.hardware, layout = spec.layout, cost = spec.cost,
           own_cost = spec.own_cost, engine = plan.scenario.engine, whole = true }
end

return calc.new(deployment)
