--- How a planned deployment is started: the command of its serving system, with the options each documents, and a
-- scenario that runs it again. Options: vLLM 0.11 `vllm serve --help`; SGLang 0.5 server_args.py; TensorRT-LLM 1.0
-- `trtllm-serve --help`; Dynamo 0.4 `python -m dynamo.vllm`, which hands vLLM's own on.
local lazy = require "oracle.lazy"
local ordered = require "oracle.text.ordered"
local scenario = lazy "oracle.scenario"
local space = lazy "oracle.study.plan_space"

local launch = {}

local function words(list)
  local out = {}
  for _, w in ipairs(list) do
    if w then out[#out + 1] = w end
  end
  return table.concat(out, " ")
end

local function option(name, v, default)
  if v == nil or v == default or v == false then return false end
  return v == true and name or ("%s %s"):format(name, tostring(v))
end

local SYSTEMS = {}

function SYSTEMS.vllm(model, c, tp, length)
  return words { "vllm serve", model, option("--tensor-parallel-size", tp, 1),
    option("--pipeline-parallel-size", c.pp, 1), option("--data-parallel-size", c.dp, 1),
    option("--enable-expert-parallel", c.experts), option("--quantization", c.quantization),
    option("--max-num-seqs", c.seqs), option("--max-num-batched-tokens", c.tokens), option("--max-model-len", length) }
end

function SYSTEMS.sglang(model, c, tp, length)
  return words { "python -m sglang.launch_server --model-path", model, option("--tp-size", tp * (c.dp or 1), 1),
    option("--pp-size", c.pp, 1), option("--dp-size", c.dp, 1), option("--enable-dp-attention", (c.dp or 1) > 1),
    option("--ep-size", c.experts and tp * c.dp), option("--quantization", c.quantization),
    option("--max-running-requests", c.seqs), option("--chunked-prefill-size", c.tokens),
    option("--context-length", length) }
end

function SYSTEMS.trtllm(model, c, tp, length)
  return words { "trtllm-serve", model, option("--tp_size", tp * (c.dp or 1), 1), option("--pp_size", c.pp, 1),
    option("--ep_size", c.experts and tp * c.dp), option("--max_batch_size", c.seqs),
    option("--max_num_tokens", c.tokens), option("--max_seq_len", length) }
end

function SYSTEMS.dynamo(model, c, tp, length)
  return (SYSTEMS.vllm(model, c, tp, length):gsub("^vllm serve ", "python -m dynamo.vllm --model "))
end

--- The commands of a plan, a line each: one for each kind of replica, with how many there are of it.
function launch.commands(found, plan)
  local c, r = plan.candidate, found.resolved
  local name = r.engine.system
  local make = SYSTEMS[name] or SYSTEMS.vllm
  local model = type(found.work.base.model) == "string" and found.work.base.model or "MODEL"
  local length = math.type(r.engine.max_model_len) == "integer" and scenario.raw(found.work.base).engine
    and scenario.raw(found.work.base).engine.max_model_len or nil
  if not c.prefill then
    return ordered.array { ("%s    # %d of it"):format(make(model, c, c.tp, length), plan.units) }
  end
  local list = {}
  for i, role in ipairs { "prefill", "decode" } do
    list[i] = ("%s    # %d of it, %s"):format(make(model, c, c[role].tp, length), plan.units * c[role].replicas, role)
  end
  return ordered.array(list)
end

-- A value as Lua writes it.
local function literal(v, indent)
  if type(v) ~= "table" then return type(v) == "string" and ("%q"):format(v) or tostring(v) end
  local inner, parts = indent .. "  ", {}
  for i, one in ipairs(v) do parts[i] = literal(one, inner) end
  for _, key in ipairs(ordered.keys(v)) do
    if type(key) == "string" then
      local name = key:match "^[%a_][%w_]*$" and key or ("[%q]"):format(key)
      parts[#parts + 1] = ("%s = %s"):format(name, literal(v[key], inner))
    end
  end
  local line = "{ " .. table.concat(parts, ", ") .. " }"
  if #line < 90 and not line:find "\n" then return line end
  return ("{\n%s%s,\n%s}"):format(inner, table.concat(parts, ",\n" .. inner), indent)
end

local function has_function(v)
  if type(v) == "function" or type(v) == "userdata" then return true end
  for _, inner in pairs(type(v) == "table" and v or {}) do
    if has_function(inner) then return true end
  end
  return false
end

--- A scenario that runs a plan again, as text; nil where the workload holds functions, which no text says.
function launch.scenario(found, plan)
  local s = space.apply(found.work.base:copy(), plan.candidate, plan.units)
  local raw = scenario.raw(s)
  if has_function(raw) then return nil end
  return ("--- %s, %d of it: %d GPUs.\nlocal oracle = require \"oracle\"\n\nreturn oracle.scenario %s\n"):format(
    space.name(plan.candidate), plan.units, plan.gpus, literal(raw, ""))
end

--- Both, for people.
function launch.text(found, plan)
  local out = { "start the best with\n" }
  for _, line in ipairs(launch.commands(found, plan)) do out[#out + 1] = "  " .. line .. "\n" end
  return table.concat(out)
end

return launch
