--- How a planned deployment is started: the commands of its serving system, with the options each documents, and a
-- scenario that runs it again. Options: vLLM 0.11 `vllm serve --help` and docs/features/nixl_connector_usage.md; SGLang
-- 0.5 server_args.py and docs/advanced_features/pd_disaggregation.md, with its router's `launch_router --help`;
-- TensorRT-LLM 1.0 `trtllm-serve --help` and llmapi/llm_args.py, whose fields its YAML has; Dynamo 0.4 `python -m
-- dynamo.vllm`, which hands vLLM's own on, and `python -m dynamo.frontend --help`.
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

-- ---- the server of each system ----

-- Each takes { model =, tp =, pp =, dp =, experts =, quantization =, kv =, seqs =, tokens =, length =, role = of a pool
-- or nil } and gives a command, and what else is to be said of it.
local SERVERS = {}

function SERVERS.vllm(d)
  return words { "vllm serve", d.model, option("--tensor-parallel-size", d.tp, 1),
    option("--pipeline-parallel-size", d.pp, 1), option("--data-parallel-size", d.dp, 1),
    option("--enable-expert-parallel", d.experts), option("--quantization", d.quantization),
    option("--kv-cache-dtype", d.kv), option("--max-num-seqs", d.seqs), option("--max-num-batched-tokens", d.tokens),
    option("--max-model-len", d.length),
    d.role and [[--kv-transfer-config '{"kv_connector":"NixlConnector","kv_role":"kv_both"}']] }
end

function SERVERS.sglang(d)
  return words { "python -m sglang.launch_server --model-path", d.model, option("--tp-size", d.tp * (d.dp or 1), 1),
    option("--pp-size", d.pp, 1), option("--dp-size", d.dp, 1), option("--enable-dp-attention", (d.dp or 1) > 1),
    option("--ep-size", d.experts and d.tp * d.dp), option("--quantization", d.quantization),
    option("--kv-cache-dtype", d.kv == "fp8" and "fp8_e4m3" or d.kv), option("--max-running-requests", d.seqs),
    option("--chunked-prefill-size", d.tokens), option("--context-length", d.length),
    option("--disaggregation-mode", d.role) }
end

-- What `trtllm-serve` has no option for stands in a file.
local function trtllm_file(d)
  local list = {}
  if d.kv then list[#list + 1] = ("kv_cache_config: {dtype: %s}"):format(d.kv) end
  if d.role then list[#list + 1] = "cache_transceiver_config: {backend: DEFAULT}" end
  if d.dp and d.dp > 1 then list[#list + 1] = "enable_attention_dp: true" end
  return #list > 0 and ("--extra_llm_api_options <(echo '{%s}')"):format(table.concat(list, ", "))
end

function SERVERS.trtllm(d)
  return words { "trtllm-serve", d.model, option("--tp_size", d.tp * (d.dp or 1), 1), option("--pp_size", d.pp, 1),
    option("--ep_size", d.experts and d.tp * d.dp), option("--max_batch_size", d.seqs),
    option("--max_num_tokens", d.tokens), option("--max_seq_len", d.length), trtllm_file(d) },
    d.quantization and ", a checkpoint in " .. d.quantization
end

function SERVERS.dynamo(d)
  local command = SERVERS.vllm(d):gsub("^vllm serve ", "python -m dynamo.vllm --model ")
  command = command:gsub(" %-%-kv%-transfer.*$", "")
  return d.role == "prefill" and command .. " --is-prefill-worker" or command
end

-- ---- what stands before several of them ----

local ROUTERS = {
  sglang = function(apart, aware)
    return words { "python -m sglang_router.launch_router", option("--pd-disaggregation", apart),
                   option("--policy", aware and "cache_aware" or "round_robin"), apart and
                   "--prefill URL --decode URL" or "--worker-urls URL URL" }
  end,
  dynamo = function(_, aware)
    return words { "python -m dynamo.frontend", option("--router-mode", aware and "kv" or "round-robin") }
  end,
  trtllm = function(apart) return apart and "trtllm-serve disaggregated -c disaggregated.yaml" or nil end,
}

--- The systems whose commands are known, in order.
function launch.systems()
  return { "vllm", "sglang", "trtllm", "dynamo" }
end

local function deployment_of(found, c, tp, role)
  local base = scenario.raw(found.work.base)
  return { model = type(base.model) == "string" and base.model or "MODEL", tp = tp, pp = c.pp, dp = c.dp, role = role,
           experts = c.experts, quantization = c.quantization ~= "none" and c.quantization or nil,
           kv = c.kv ~= "auto" and c.kv or nil, seqs = c.seqs, tokens = c.tokens,
           length = base.engine and math.type(base.engine.max_model_len) == "integer" and base.engine.max_model_len
             or nil }
end

--- The commands of a plan, a line each: one for each kind of replica, with how many there are of it, and what stands
-- before them.
-- @param name of a system, or nil: the one that was simulated
function launch.commands(found, plan, name)
  local c, list = plan.candidate, {}
  name = name or found.resolved.engine.system
  if not SERVERS[name] then name = "vllm" end
  for _, role in ipairs(c.prefill and { "prefill", "decode" } or { "" }) do
    local pool = c[role]
    local n = plan.units * (pool and pool.replicas or 1)
    local command, note = SERVERS[name](deployment_of(found, c, pool and pool.tp or c.tp, pool and role or nil))
    list[#list + 1] = ("%s    # %d of it%s%s"):format(command, n, pool and ", " .. role or "", note or "")
  end
  local router = (plan.units > 1 or c.prefill) and ROUTERS[name] and ROUTERS[name](c.prefill ~= nil, plan.router ~= nil)
  if router then list[#list + 1] = router .. "    # before them" end
  return ordered.array(list)
end

-- ---- a scenario ----

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
  local s = space.apply(found.work.base:copy(), plan.candidate, plan.units, plan.router)
  local raw = scenario.raw(s)
  if has_function(raw) then return nil end
  return ("--- %s, %d of it: %d GPUs.\nlocal oracle = require \"oracle\"\n\nreturn oracle.scenario %s\n"):format(
    space.name(plan.candidate), plan.units, plan.gpus, literal(raw, ""))
end

--- The commands for people: those of the system that was simulated, then of the others, which were not.
function launch.text(found, plan)
  local own = found.resolved.engine.system
  own = SERVERS[own] and own or "vllm"
  local out = { "start the best with\n" }
  for _, line in ipairs(launch.commands(found, plan)) do out[#out + 1] = "  " .. line .. "\n" end
  out[#out + 1] = "the same shape on other servers, which were not simulated:\n"
  for _, name in ipairs(launch.systems()) do
    if name ~= own then
      for _, line in ipairs(launch.commands(found, plan, name)) do out[#out + 1] = "  " .. line .. "\n" end
    end
  end
  return table.concat(out)
end

return launch
