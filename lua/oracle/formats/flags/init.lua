--- Deployments said in flags or in a flat JSON: a model, an accelerator and average lengths, as
--   oracle --model llama-7b --xpu gb10 --performance-model vllm_roofline --calibration-data F.json
-- A request's lengths are normal around the average, clamped to the maximum; the maximum is three deviations away.
local lazy = require "oracle.lazy"
local disaggregation = lazy "oracle.formats.flags.disaggregation"
local document = lazy "oracle.formats.document"
local fields = require "oracle.formats.fields"
local paths = lazy "oracle.text.paths"
local planning = lazy "oracle.plan"
local problems = require "oracle.formats.problems"
local scenario = lazy "oracle.scenario"

local flags = {}

local COUNT = { type = "count", min = 1, max = 1000000 }
local TOKENS = { type = "count", min = 1, max = 100000000 }
local RATE = { type = "number", min = 0, max = 1e9, open = true }   -- GB/s
local DELAY = { type = "number", min = 0, max = 1e9 }               -- ms
local TEXT, FLAG = { type = "string" }, { type = "boolean" }

local function choice(values) return { type = "choice", values = values } end

-- key, the scenario's key that it stands for or a row (oracle.scenario.scalar), default, section of the JSON it may
-- stand in, meaning
local KEYS = {
  { "model", TEXT, "llama-7b", nil, "the model (oracle models)" },
  { "xpu", TEXT, "a100-80gb", "cluster", "the accelerator (oracle hardware)" },
  { "n_xpus_per_node", COUNT, nil, "cluster", "accelerators in one node" },
  { "n_nodes", COUNT, 1, "cluster", "nodes" },
  { "tp", "engine.tensor_parallel_size", 1, "parallelism", "tensor parallelism" },
  { "pp", "engine.pipeline_parallel_size", 1, "parallelism", "pipeline stages" },
  { "dp", "replicas", 1, "parallelism", "copies that share the requests" },
  { "avg_input_length", TOKENS, 512, "workload", "tokens of a prompt, mean" },
  { "max_input_length", TOKENS, 1024, "workload", "and at most" },
  { "avg_output_length", TOKENS, 128, "workload", "tokens of an answer, mean" },
  { "max_output_length", TOKENS, 256, "workload", "and at most" },
  { "arrival_rate", "workload.rate", 2.0, "workload", "requests per second, Poisson" },
  { "batching_strategy", choice { "greedy", "windowed" }, "greedy", "scheduler",
    "greedy: all that wait join the next step; windowed: a batch waits 10 ms for company and runs to its end" },
  { "max_batch_size", "engine.max_num_seqs", nil, "scheduler", "requests in one step" },
  { "duration", "workload.duration", 60, "simulation", "s during which requests arrive" },
  { "warm_up", "warm_up", 0, "simulation", "s whose requests are not counted" },
  { "random_seed", "seed", 42, "simulation", "seed of every draw" },
  { "output", TEXT, nil, "simulation", "file of the JSON summary" },
  { "performance_model", choice { "roofline", "vllm_roofline" }, "roofline", nil, "roofline or vllm_roofline" },
  { "calibration_data", TEXT, nil, nil, "JSON of effective rates, for vllm_roofline" },
  { "disaggregated", FLAG, nil, "disaggregation", "prefill and decode on clusters of their own" },
  { "prefill_xpu", TEXT, nil, "disaggregation", "accelerator of the prefill cluster" },
  { "prefill_n_xpus", COUNT, nil, "disaggregation", "how many of them" },
  { "prefill_tp", "pools.prefill.engine.tensor_parallel_size", nil, "disaggregation", "their tensor parallelism" },
  { "decode_xpu", TEXT, nil, "disaggregation", "accelerator of the decode cluster" },
  { "decode_n_xpus", COUNT, nil, "disaggregation", "how many of them" },
  { "decode_tp", "pools.decode.engine.tensor_parallel_size", nil, "disaggregation", "their tensor parallelism" },
  { "transfer_bandwidth", RATE, nil, "disaggregation", "GB/s between the clusters" },
  { "transfer_latency", DELAY, nil, "disaggregation", "ms between the clusters" },
  { "summary", FLAG, nil, nil, "print the summary (it always is, but under -q)" },
  { "config", TEXT, nil, nil, "take all this from a JSON file" },
}

local SECTIONS = { "cluster", "parallelism", "workload", "scheduler", "simulation", "disaggregation",
                   "performance_model" }
local INNER = { model_type = "performance_model", calibration_data_path = "calibration_data", xpu_name = "xpu",
                xpu_type = "xpu", seed = "random_seed", warm_up_duration = "warm_up", strategy = "batching_strategy" }

local WINDOW = 0.010                                      -- s

local function by_name(name)
  for _, k in ipairs(KEYS) do
    if k[1] == name then return k end
  end
end

--- The flags, as oracle.command.options describes options; `flag` is the key each sets. `--seed` is the
-- program's own.
function flags.options()
  local list = {}
  for _, k in ipairs(KEYS) do
    if k[1] ~= "random_seed" then
      list[#list + 1] = { "--" .. k[1]:gsub("_", "-"), value = k[2] ~= FLAG and "VALUE" or nil, flag = k[1],
                          doc = k[5] .. (k[3] and (" (%s)"):format(tostring(k[3])) or "") }
    end
  end
  return list
end

-- ---- reading ----

local function read_key(p, path, t, k, name)
  if type(k[2]) == "string" then return fields.stands_for(p, path, t, name, k[2], { kind = "poisson" }) end
  return fields.value(p, path, t, name, k[2], k[2].type == "choice" and "%s: unknown" or nil)
end

-- Values of one mapping into `out`, by the names of KEYS.
local function gather(p, path, t, out, section)
  local known, names = {}, {}
  for _, k in ipairs(KEYS) do
    if k[1] ~= "config" and (section == nil or k[4] == section or k[4] == nil) then
      known[k[1]], names[#names + 1] = k, k[1]
    end
  end
  for inner, name in pairs(INNER) do
    if known[name] then known[inner], names[#names + 1] = by_name(name), inner end
  end
  table.sort(names)
  local sections = {}
  for _, name in ipairs(section == nil and SECTIONS or {}) do sections[name] = true end
  local valid = table.move(names, 1, #names, 1, {})
  for _, name in ipairs(SECTIONS) do
    if sections[name] and not known[name] then
      valid[#valid + 1] = name
      fields.map(p, path, t, name)
    end
  end
  fields.known(p, path, t, valid)
  for _, name in ipairs(names) do
    local k = known[name]
    if t[name] ~= nil and not (sections[name] and type(t[name]) == "table") then
      if out[k[1]] ~= nil then p:add(problems.join(path, name), "given twice") end
      out[k[1]] = read_key(p, path, t, k, name)
    end
  end
end

--- True for a decoded JSON of this kind.
function flags.is(v)
  if type(v) ~= "table" or v.model == nil or v.frameworks_to_test ~= nil or v.hardware_profile ~= nil then
    return false
  end
  for _, name in ipairs(SECTIONS) do
    if v[name] ~= nil then return true end
  end
  for _, k in ipairs(KEYS) do
    if k[1] ~= "model" and v[k[1]] ~= nil then return true end
  end
  return next(v, next(v)) == nil                          -- the model alone
end

--- The values of a document.
function flags.read(p, v)
  local out = {}
  gather(p, "", v, out, nil)
  for _, name in ipairs(SECTIONS) do
    if type(v[name]) == "table" then gather(p, name, v[name], out, name) end
  end
  return out
end

-- ---- the scenario ----

local function length(p, v, what)
  local mean, most = v["avg_" .. what .. "_length"], v["max_" .. what .. "_length"]
  if mean > most then
    return p:add("avg_" .. what .. "_length", "%d is above max_%s_length, %d", mean, what, most)
  end
  if mean == most then return { kind = "constant", value = mean } end
  return { kind = "normal", mean = mean, std = (most - mean) / 3, min = 1, max = most }
end

local function check_cluster(p, v)
  local needed = v.tp * v.pp * v.dp
  if v.n_xpus_per_node and needed > v.n_xpus_per_node * v.n_nodes then
    p:add("n_xpus_per_node", "tp x pp x dp = %d accelerators, the cluster has %d", needed,
      v.n_xpus_per_node * v.n_nodes)
  end
  if v.n_xpus_per_node and v.tp > v.n_xpus_per_node then
    p:add("tp", "%d accelerators share each layer, a node has %d", v.tp, v.n_xpus_per_node)
  end
  if v.n_xpus_per_node and v.n_nodes > 1 and v.tp * v.pp > v.n_xpus_per_node then
    p:add("n_nodes", "an instance of %d accelerators would span nodes, which is not supported", v.tp * v.pp)
  end
end

local PAIRED = { "prefill_xpu", "prefill_n_xpus", "prefill_tp", "decode_xpu", "decode_n_xpus", "decode_tp",
                 "transfer_bandwidth", "transfer_latency" }

-- What a single cluster has and two have each of their own.
local SINGLE = { "xpu", "tp" }

local function refuse(p, v, given)
  for _, key in ipairs(v.disaggregated and SINGLE or {}) do
    if given[key] ~= nil then
      p:add(key, "goes with one cluster; disaggregated has prefill_%s and decode_%s", key, key)
    end
  end
  for _, key in ipairs(PAIRED) do
    if v[key] ~= nil and not v.disaggregated then p:add(key, "goes with disaggregated") end
  end
  if v.batching_strategy == "windowed" and v.disaggregated then
    p:add("batching_strategy", "windowed goes with one cluster; disaggregated forms steps greedily")
  end
  if v.performance_model == "vllm_roofline" and not v.calibration_data then
    p:add("calibration_data", "missing; vllm_roofline takes the JSON of effective rates")
  end
  if v.warm_up >= v.duration then
    p:add("warm_up", "%g s leaves nothing of duration, %g s", v.warm_up, v.duration)
  end
  if v.calibration_data and v.performance_model ~= "vllm_roofline" then
    p:add("calibration_data", "goes with performance_model vllm_roofline")
  end
end

--- The scenario of such values.
-- @param given by the names of KEYS; what is missing has its default
-- @return the table of oracle.scenario, and the longest prompt and output in tokens; nil after noting what is wrong
function flags.scenario(p, given)
  local v = {}
  for _, k in ipairs(KEYS) do
    v[k[1]] = given[k[1]]
    if v[k[1]] == nil then v[k[1]] = k[3] end
  end
  refuse(p, v, given)
  check_cluster(p, v)
  local prompt, output = length(p, v, "input"), length(p, v, "output")
  local two = v.disaggregated and #p.errors == 0 and disaggregation.parts(p, v) or nil
  if #p.errors > 0 then return nil end
  return {
    model = v.model, hardware = two and two.hardware or v.xpu, replicas = v.dp > 1 and v.dp or nil,
    engine = { tensor_parallel_size = v.tp, pipeline_parallel_size = v.pp, max_num_seqs = v.max_batch_size },
    pools = two and two.pools, network = two and two.network, placement = two and two.placement,
    batching = v.batching_strategy == "windowed" and { "triton", max_queue_delay = WINDOW } or nil,
    cost = { kind = v.performance_model, calibration = v.calibration_data },
    workload = { kind = "poisson", rate = v.arrival_rate, duration = v.duration, prompt = prompt, output = output },
    warm_up = v.warm_up, seed = v.random_seed,
  }, v.max_input_length, v.max_output_length
end

local HEADROOM = 10e9                                     -- bytes of KV cache below which little fits at a time

-- What the plan tells: the longest request against the model's context, and the memory that is left.
local function check_plan(p, plan, input, output)
  local e, d = plan.scenario.engine, plan.deployment
  if input + output > e.max_model_len then
    p:add("max_input_length", "%d and max_output_length, %d, are more than the %d tokens of the model's context", input,
      output, e.max_model_len)
  end
  local bytes = d.num_gpu_blocks * e.block_size * d.memory.kv_bytes_per_token
  if bytes < HEADROOM then p:warn("xpu", "leaves %.3g GB for the KV cache of each accelerator", bytes / 1e9) end
end

local function locate(p, why)
  if not p:locate(why, "") then p:add("", "%s", why) end
end

local function finish(p, given, folder)
  local raw, input, output
  if #p.errors == 0 then raw, input, output = flags.scenario(p, given) end
  local out = { problems = p, json = given.output }
  if not raw then return out end
  local ok, s = pcall(scenario.new, raw)
  if not ok then
    locate(p, scenario.first_line(s))
    return out
  end
  scenario.origin(s).folder = folder
  if given.calibration_data and not folder then
    scenario.origin(s).typed[given.calibration_data] = true
  end
  local planned, plan = pcall(planning.plan, s)
  if planned then check_plan(p, plan, input, output) else locate(p, scenario.first_line(plan)) end
  scenario.origin(s).warnings = p:said()
  out.scenario, out.raw = #p.errors == 0 and s or nil, raw
  return out
end

--- As oracle.formats.yaml.read, of a document.
function flags.config(v, marks, folder)
  local p = problems.new(marks)
  local given = flags.read(p, v)
  return finish(p, given, folder)
end

--- The same from flags: key -> text, or true for a flag without value. `config` names a file whose values the other
-- flags go before.
function flags.given(given_flags)
  local p, given, folder = problems.new {}, {}, nil
  if given_flags.config then
    local text, why = document.text(given_flags.config)
    if not text then error(why, 0) end
    local v, wrong = document.read(text, "json")
    if v == nil then error(given_flags.config .. ": " .. wrong.message, 0) end
    if type(v) ~= "table" then error(given_flags.config .. ": an object expected", 0) end
    given, folder = flags.read(p, v), paths.folder(given_flags.config)
  end
  for _, k in ipairs(KEYS) do
    local text = given_flags[k[1]]
    if text ~= nil and k[1] ~= "config" then
      local value = text
      if type(k[2]) == "string" or k[2].min then value = tonumber(text) or text end
      local flag = "--" .. k[1]:gsub("_", "-")
      given[k[1]] = read_key(p, "", { [flag] = value }, k, flag)
    end
  end
  return finish(p, given, folder)
end

return flags
