--- From what a table of measurements says of a deployment and its load to a scenario, as plain values: how tables of
-- all
--  sources become runs.
local deployed = {}

local ROOM = 256                                          -- tokens of max_model_len beyond prompt and answer

-- A GPU count as a side of a deployment says it.
local function size_of(side)
  return (side.tp or 1) * (side.dp or 1) * (side.pp or 1)
end

-- The engine's knobs of one side: { tp =, dp =, pp =, ep = whether experts are whole on their ranks }.
local function layout(engine, side)
  engine.tensor_parallel_size, engine.pipeline_parallel_size = side.tp or 1, side.pp or 1
  engine.data_parallel_size = (side.dp or 1) > 1 and side.dp or nil
  engine.enable_expert_parallel = side.ep or nil
  return engine
end

-- Sequences and tokens of a step, as who measures sets them: a server takes all that its clients keep in flight.
-- TensorRT-LLM takes prompts whole, into steps of at most max_num_tokens: InferenceMAX gives room for one prompt and
-- the requests that decode (InferenceMAX, benchmarks/*_trt_*.sh, MAX_NUM_TOKENS, 2026).
local function limits(engine, t)
  local most = t.most_tokens
  engine.max_model_len = math.min(most + ROOM, math.max(most, t.model.context or most + ROOM))
  engine.max_num_seqs = t.max_num_seqs or math.max(256, t.in_flight or 256)
  engine.max_num_batched_tokens = t.max_num_batched_tokens
  if engine.system == "trtllm" then
    engine.max_num_batched_tokens = math.max(t.max_num_batched_tokens or 8192, most + ROOM)
  end
  if engine.max_num_batched_tokens and engine.system ~= "trtllm" then
    engine.max_num_seqs = math.min(engine.max_num_seqs, engine.max_num_batched_tokens)
  end
end

local function engine_of(t)
  local engine = { system = t.engine, version = t.modelled_version, quantization = t.model.quantization,
                   kv_cache_dtype = t.kv, enable_prefix_caching = t.prefix_caching or false, all_reduce = "auto" }
  if engine.system == "static" then engine.enable_prefix_caching = nil end
  limits(engine, t)
  return engine
end

-- GPUs that one switch joins, as far as there are such switches; beyond, servers of 8.
local function network(gpus)
  if gpus <= 64 then return { topology = "nvswitch", gpus = gpus } end
  return { topology = "hgx_ib", hosts = (gpus + 7) // 8 }
end

-- Prompts on some workers, answers on others.
local function pools(raw, t)
  local p, d = t.prefill, t.decode
  raw.pools = {
    prefill = { replicas = p.workers, engine = layout({}, p) },
    decode = { replicas = d.workers, engine = layout({}, d) },
  }
  raw.network = network(p.workers * size_of(p) + d.workers * size_of(d))
  raw.router = "least_loaded"
end

--- A scenario's raw table.
-- @param t { engine = of oracle.formats.measured.names.engine, model = of names.model, gpu = of names.gpu, kv = format
--   of the KV cache or nil, tp =, dp =, pp =, ep =, replicas =; or prefill = and decode = { workers =, tp =, ... };
--   most_tokens = of a request, in_flight = requests at a time or nil, max_num_seqs =, max_num_batched_tokens =,
--   prefix_caching =, workload = }
function deployed.scenario(t)
  local raw = { model = t.model.model, hardware = t.gpu.id, engine = engine_of(t), workload = t.workload,
                lod = "medium", seed = 1 }
  if t.prefill then
    pools(raw, t)
  else
    layout(raw.engine, t)
    if (t.replicas or 1) > 1 then raw.replicas = t.replicas end
  end
  return raw
end

--- GPUs of such a deployment.
function deployed.gpus(t)
  if t.prefill then return t.prefill.workers * size_of(t.prefill) + t.decode.workers * size_of(t.decode) end
  return size_of(t) * (t.replicas or 1)
end

local function side_text(side)
  local text = "tp" .. (side.tp or 1)
  if (side.pp or 1) > 1 then text = text .. " pp" .. side.pp end
  if (side.dp or 1) > 1 then text = text .. " dp" .. side.dp end
  if side.ep then text = text .. " ep" end
  return text
end

--- How it is laid out, in a few words: "tp8", "tp4 ep", "1 x tp4 + 2 x tp8".
function deployed.layout_text(t)
  if not t.prefill then
    return ((t.replicas or 1) > 1 and t.replicas .. " x " or "") .. side_text(t)
  end
  return ("%d x %s + %d x %s"):format(t.prefill.workers, side_text(t.prefill), t.decode.workers, side_text(t.decode))
end

--- The KV cache's format where a table is silent: ModelOpt's checkpoints, and TensorRT-LLM of what is in 8 bits and
-- fewer, keep it in fp8 (hf_quant_config.json of nvidia/*-FP8 and *-NVFP4: kv_cache_quant_algo, 2026).
function deployed.kv(engine, model)
  if model.format == "fp4" then return "fp8" end
  if engine == "trtllm" and (model.format == "fp8" or model.format == "mxfp4") then return "fp8" end
  return nil
end

-- Versions of 2025, whose rows most tables leave without one: of the older generation of each engine.
local UNSAID = { vllm = "0.10", sglang = "0.5", trtllm = "1.0" }

--- The engine's version as a cost model takes it.
-- @param text as a table has it, or nil
-- @param early a version to take where it says none, of a source that measured earlier than 2025
function deployed.engine_version(engine, text, early)
  return text or early or UNSAID[engine]
end

--- Lengths as InferenceMAX draws them: uniform in 80 to 100 % of the nominal ones (InferenceMAX, random-range-ratio
-- 0.8).
function deployed.spread(tokens)
  return { kind = "uniform", low = math.ceil(0.8 * tokens), high = tokens }
end

local UNSTEADY = 0.2                                      -- of a length

--- Lengths of answers that a table says are all the same. In a simulated loop they would keep its clients in step for
-- the whole run, the prompts of all of them at once; measured first tokens are those of prompts that come one by one
-- (TTFT of fixed lengths is measured at 0.2 to 0.5 of what clients in step would see), for prompts are not quite alike
-- and clients do not start together.
-- @param tokens the nominal length, @param most that fit; nil: any
function deployed.unsteady(tokens, most)
  local spread = math.floor(UNSTEADY * tokens)
  if most then spread = math.max(0, math.min(spread, most - tokens)) end
  return { kind = "uniform", low = tokens - spread, high = tokens + spread }
end

return deployed
