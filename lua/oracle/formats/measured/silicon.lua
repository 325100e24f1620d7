--- Tables of mean TTFT and TPOT by deployment and concurrency, as NVIDIA's aiconfigurator collects them
-- (silicon_sample.csv): a closed loop of clients, one row for each measurement.
local csv = require "oracle.formats.measured.csv"
local deployed = require "oracle.formats.measured.deployed"
local names = require "oracle.formats.measured.names"

local silicon = {}

silicon.TELLS = { "isl", "osl", "silicon_ttft_ms", "silicon_tpot_ms" }

local NEEDS = { "backend", "model_path", "system", "isl", "osl", "silicon_ttft_ms", "silicon_tpot_ms" }
local RACK = 16                                           -- ranks beyond which "aggregated" is a whole rack
local PROMPTS = 10                                        -- for each client, as InferenceMAX asks;
local MANY = 512                                          -- of more clients fewer: their means are there by then

local function is_square(n, side)
  return side > 1 and n == side * side
end

-- One side's ranks. `tp_size` 64 with experts of 8 x 8 means 8 GPUs: attention over 8, experts over 8; so does
-- attention_dp_size 64, with attention replicated over the 8.
local function side(row, before)
  local function count(name) return math.max(1, csv.count(row, before .. name, 0) or 1) end -- 0: there is none
  local tp, dp, pp = count "tp_size", count "attention_dp_size", count "pp_size"
  local moe_tp, moe_ep = count "moe_tp_size", count "moe_ep_size"
  local both = moe_tp == moe_ep and moe_tp or 0
  if is_square(tp * dp, both) then
    if dp > 1 then tp, dp = 1, both else tp, dp = both, 1 end
  end
  return { tp = tp, dp = dp, pp = pp, ep = moe_ep > 1 and moe_ep >= moe_tp or nil }
end

-- Whether lengths are those of InferenceMAX, which draws them.
local function is_drawn(isl, osl)
  return (isl == 1024 or isl == 8192) and (osl == 1024 or osl == 8192)
end

local function workload(concurrency, isl, osl, context)
  local drawn = is_drawn(isl, osl)
  local each = concurrency > MANY and math.max(4, PROMPTS * MANY // concurrency) or PROMPTS
  return { kind = "closed_loop", concurrency = concurrency, count = each * concurrency,
           prompt = drawn and deployed.spread(isl) or isl, output = drawn and deployed.spread(osl) or deployed.unsteady(osl, context and context - isl) }
end

-- What is known of a row before it can be a run, or nil and why it cannot.
local function deployment(row)
  local t = {}
  t.engine = names.engine(row.backend)
  if not t.engine then return nil, "unknown engine " .. tostring(row.backend) end
  t.gpu = names.gpu(row.system)
  if not t.gpu then return nil, "unknown GPU " .. tostring(row.system) end
  t.model = names.model(row.model_path, row.moe_quant_mode or row.gemm_quant_mode or row.precision)
  if not t.model then return nil, "unknown model " .. tostring(row.model_path) end
  if row.mode == "disagg" then
    if not (row.prefill_num_workers and row.decode_num_workers) then
      return nil, "disaggregated, and how many workers there were is not said"
    end
    t.prefill, t.decode = side(row, "prefill_"), side(row, "decode_")
    t.prefill.workers = csv.count(row, "prefill_num_workers", 1)
    t.decode.workers = csv.count(row, "decode_num_workers", 1)
  else
    for k, v in pairs(side(row, "")) do t[k] = v end
    if t.tp > RACK then return nil, "a whole rack that is filed as one engine" end
  end
  t.kv = deployed.kv(t.engine, t.model)
  return t
end

-- A server of InferenceMAX compiles and captures on the way: its first requests, a tenth of them, see their first tokens
-- about a second later than the others (of InferenceX rows that tell both, the median of TTFT at a concurrency of 4 is
-- 0.15 s, the 99th percentile 0.5 to 1.2 s), which adds a tenth of that to the mean. Chunks of --stream-interval tokens
-- do not hold the first one back.
local COLD = { sglang = 0.1 }

-- Rows that a look at physics or their source shows to be something else than they say.
local function doubt(row, t, concurrency)
  if row.id and row.id:find "gpt_oss_120b_h100.*_c512_" then return "c512 rows of gpt-oss-120b on H100" end
  -- Twice as fast as the release before and after in each configuration; with a draft, by their TPOT.
  if t.engine == "trtllm" and row.backend_version == "1.2.0rc6.post3" and row.model_path:find "DeepSeek" then
    return "speculative decoding without a flag"
  end
  -- A prompt of 8,000 tokens adds nothing to TPOT: answered from the prefix cache.
  if row.id and row.id:find "^nvidia_llama" and row.backend_version == "0.12.0" then
    return "long prompts that cost nothing"
  end
  if row.mode == "disagg" then return "disaggregated" end
  if concurrency < 1 or t.tp * (t.dp or 1) > 72 then return "more GPUs than a rack has" end
end

--- The rows of a text.
-- @return rows (oracle.formats.measured.rows), and what was skipped: { { row's id, why }, ... }
function silicon.read(text)
  local rows, skipped = {}, {}
  for i, row in ipairs(csv.rows(text, NEEDS)) do
    local id = row.id or ("line " .. row.line)
    local isl, osl = csv.count(row, "isl", 1), csv.count(row, "osl", 1)
    local concurrency = csv.count(row, "concurrency", 1) or csv.count(row, "batch_size", 1)
    local ttft, tpot = csv.time(row, "silicon_ttft_ms"), csv.time(row, "silicon_tpot_ms")
    local t, why = deployment(row)
    if not (isl and osl and concurrency) then t, why = nil, "lengths or concurrency are not said" end
    if t then
      t.in_flight = concurrency
      t.workload = workload(concurrency, isl, osl, t.model.context)
      t.most_tokens = isl + t.workload.output.high
      rows[#rows + 1] = {
        id = id, line = row.line, place = i, model = t.model.name, gpu = t.gpu.id, engine = t.engine,
        version = row.backend_version, format = t.model.format, layout = deployed.layout_text(t), load = concurrency,
        apart = doubt(row, t, concurrency), scenario = deployed.scenario(t), statistic = "mean",
        measured = { ttft = ttft, tpot = tpot }, lengths = ("%d/%d"):format(isl, osl),
        cost = { engine_version = deployed.engine_version(t.engine, row.backend_version),
                 request_overhead = is_drawn(isl, osl) and COLD[t.engine] or nil },
      }
    else
      skipped[#skipped + 1] = { id, why }
    end
  end
  return rows, skipped
end

return silicon
