--- Speculative decoding of a checked scenario: what the engine verifies, and what the drafter takes of memory and time.
local core = require "oracle.core"
local deployment = require "oracle.plan.deployment"
local lazy = require "oracle.lazy"
local speculative = require "oracle.scenario.speculative"
local units = lazy "oracle.text.units"

local speculation = {}

local function fail(key, ...)
  error(("engine.speculative_config.%s: %s"):format(key, string.format(...)), 0)
end

-- ---- acceptance ----

local function fill(chance, n)
  local list = {}
  for i = 1, n do list[i] = chance end
  return list
end

-- Mean tokens of a step: each draft counts where it and all before it hold.
local function length_of(chances)
  local length, all = 1, 1
  for _, chance in ipairs(chances) do
    all = all * chance
    length = length + all
  end
  return length
end

--- Chances that are alike and give a mean of so many tokens a step; by halving.
local function of_length(length, n)
  if length > n + 1 then
    fail("acceptance_length", "%g: a step gives at most %d tokens, one and num_speculative_tokens", length, n + 1)
  end
  local low, high = 0, 1
  for _ = 1, 60 do
    local middle = (low + high) / 2
    if length_of(fill(middle, n)) < length then low = middle else high = middle end
  end
  return fill(length == n + 1 and 1 or low, n)
end

-- Of shares of all drafts, each the chance given those before it.
local function of_positions(shares)
  local list, before = {}, 1
  for i, share in ipairs(shares) do
    if share > before then
      fail(("acceptance_per_position[%d]"):format(i), "%g: at most that of the position before (%g) expected", share,
        before)
    end
    list[i] = before > 0 and share / before or 0
    before = share
  end
  return list
end

local TOLD = { "acceptance", "acceptance_per_position", "acceptance_length" }

local function acceptance_of(c)
  local n, told = c.num_speculative_tokens, nil
  for _, key in ipairs(TOLD) do
    if c[key] and told then fail(key, "%s is given too; one of them expected", told) end
    told = c[key] and key or told
  end
  if not told then
    fail("acceptance", "missing; how often drafts hold is told, never inferred: { 0.8, 0.6, 0.4 }, or acceptance_length"
      .. " = tokens per step")
  end
  if told == "acceptance_length" then return of_length(c.acceptance_length, n) end
  local list = c[told]
  if type(list) == "number" then list = fill(list, n) end
  if #list ~= n then
    fail(told, "%d are given for num_speculative_tokens = %d; one for each expected", #list, n)
  end
  return told == "acceptance" and list or of_positions(list)
end

-- ---- what proposes ----

local function copy(t, changes)
  local out = {}
  for k, v in pairs(t) do out[k] = v end
  for k, v in pairs(changes or {}) do out[k] = v end
  return out
end

local ONE_LAYER = {
  num_hidden_layers = 1, num_dense_layers = 0, num_windowed_layers = 0, num_state_layers = 0,
  num_mixerless_layers = 0, num_mlpless_layers = 0, tower_parameters = 0, tie_word_embeddings = true,
}

-- The layer that a checkpoint has behind its last one, built like the last.
local function predicting_layer(model)
  local known = {}
  for _, name in ipairs(speculative.PREDICTS) do known[name] = true end
  if (model.num_nextn_predict_layers or 0) == 0 and not known[model.model_type] then
    fail("method", "mtp: model_type %s has no layers that predict further tokens; draft_model, eagle, eagle3 or ngram"
      .. " expected", tostring(model.model_type))
  end
  return copy(model, ONE_LAYER)
end

-- The head of EAGLE: one decoder layer.
local function head_of(c, model, look_up)
  local head = c.model and look_up(c.model)
  if head and head.hidden_size ~= model.hidden_size then
    fail("model", "hidden_size %d, which is read from the model's hidden states: its %d expected", head.hidden_size,
      model.hidden_size)
  end
  if not head and (model.num_experts or 0) > 0 and (model.intermediate_size or 0) == 0 then
    fail("model", "missing; the model has no dense layer to shape a head of %s after", c.method)
  end
  if not head then head = copy(model, ONE_LAYER); head.num_experts, head.shared_expert_size = 0, 0 end
  head = copy(head, { tie_word_embeddings = true })
  if c.draft_vocab_size then head.vocab_size = c.draft_vocab_size end
  return head
end

local function draft_model(c, model, look_up)
  if not c.model then fail("model", "missing; that of the drafts expected") end
  local draft = look_up(c.model)
  if draft.vocab_size ~= model.vocab_size then
    fail("model", "its vocabulary of %s tokens is not the model's of %s, so that it cannot propose tokens of it",
      units.thousands(draft.vocab_size), units.thousands(model.vocab_size))
  end
  return draft
end

local MODELS = {
  draft_model = draft_model, eagle = head_of, eagle3 = head_of,
  mtp = function(_, model) return predicting_layer(model) end,
}

-- What each method's own layers read: hidden states beside the embedding, joined by one matrix; EAGLE-3's layer reads
-- both, and three layers' hidden states (Li et al., arXiv:2401.15077, section 4; arXiv:2503.01840, section 3.1).
local function joined_parameters(c, draft, ranks)
  local hidden = draft.hidden_size
  if c.method == "draft_model" then return 0 end
  if c.method ~= "eagle3" then return 2 * hidden * hidden end
  local dim = draft.head_dim
  return 3 * hidden * hidden + hidden * dim * (draft.num_attention_heads + 2 * draft.num_key_value_heads) / ranks
end

-- The engine's knobs as they hold for the drafter, which lies on the GPUs of the last stage.
local function knobs_of(e, c)
  local tp = c.draft_tensor_parallel_size or e.tensor_parallel_size
  if tp ~= 1 and tp ~= e.tensor_parallel_size then
    fail("draft_tensor_parallel_size", "%d: 1, or tensor_parallel_size (%d), expected", tp, e.tensor_parallel_size)
  end
  local own = copy(e, { tensor_parallel_size = tp, pipeline_parallel_size = 1, pipeline_layers = "even",
                        enable_lora = false })
  own.quantization = c.quantization or c.method == "mtp" and e.quantization or nil
  if tp ~= e.tensor_parallel_size then own.decode_context_parallel_size = 1 end
  return own
end

-- A drafter's layers have their own weights; embedding and LM head are the model's where a layer is added to it.
local function memory_of(c, draft, layout, joined)
  local memory = core.cost.memory { model = draft, layout = layout, max_num_batched_tokens = 1, max_num_seqs = 1 }
  local wide = 2
  local shared = c.method ~= "draft_model"
    and core.cost.parameters(draft).embedding / layout.tensor_parallel_size * wide or 0
  local own_head = c.draft_vocab_size and c.draft_vocab_size * draft.hidden_size / layout.tensor_parallel_size * wide
  return memory.weight_bytes - shared + (own_head or 0) + joined * wide, memory.kv_bytes_per_token
end

--- The drafter of a deployment; nil without speculative decoding.
-- @param e the checked and filled knobs
-- @param look_up function(model as it is written) -> its shape
-- @return { knobs = as sim.new takes engine.speculation, draft = as it takes draft but for hardware and cost,
--   weight_bytes =, kv_bytes = per token, B of each GPU of the last stage }; raises what is wrong
function speculation.of(e, model, look_up)
  local c = e.speculative_config
  if not c then return nil end
  local n = c.num_speculative_tokens
  local drafter = {
    knobs = { tokens = n, acceptance = acceptance_of(c), lookahead = c.method ~= "ngram" and n or 0,
              drops_last_block = c.method ~= "ngram" and c.method ~= "draft_model" },
    draft = { passes = 0, overhead = c.overhead }, weight_bytes = 0, kv_bytes = 0,
  }
  for _, key in ipairs { "model", "draft_tensor_parallel_size", "quantization", "draft_vocab_size" } do
    if c[key] and (c.method == "ngram" or key == "model" and c.method == "mtp") then
      fail(key, "no effect with method = \"%s\"", c.method)
    end
  end
  if c.draft_vocab_size and c.method ~= "eagle3" then
    fail("draft_vocab_size", 'of an EAGLE-3 head; method is "%s"', c.method)
  end
  if c.method == "ngram" then return drafter end
  local draft = MODELS[c.method](c, model, look_up)
  local own = knobs_of(e, c)
  local layout = deployment.layout(own, draft)
  local joined = joined_parameters(c, draft, own.tensor_parallel_size)
  local ok, weights, kv = pcall(memory_of, c, draft, layout, joined)
  if not ok then fail("model", "%s", (tostring(weights):gsub("^layout: ", ""))) end
  drafter.weight_bytes, drafter.kv_bytes = weights, kv
  drafter.draft = { passes = n, joined = joined, overhead = c.overhead, model = draft, layout = layout }
  return drafter
end

--- Add what the drafter holds to the memory of the last stage.
-- @param memory of deployment.memory
function speculation.add_memory(drafter, memory)
  local last = memory.stages[#memory.stages]
  last.weight_bytes = last.weight_bytes + drafter.weight_bytes
  last.kv_bytes_per_token = last.kv_bytes_per_token + drafter.kv_bytes
  local full = last.kinds.full
  if full and drafter.kv_bytes > 0 then full.layers = full.layers + math.ceil(drafter.kv_bytes / full.bytes) end
  memory.weight_bytes, memory.kv_bytes_per_token = 0, 0
  for _, stage in ipairs(memory.stages) do
    memory.weight_bytes = math.max(memory.weight_bytes, stage.weight_bytes)
    memory.kv_bytes_per_token = math.max(memory.kv_bytes_per_token, stage.kv_bytes_per_token)
  end
end

-- What is not of the drafter: overheads of the scheduler and the sampler.
local NOT_OWN = { step_overhead = 0, sequence_overhead = 0, prefill_comm_overhead = 0, decode_comm_overhead = 0 }

local NO_HOST = { step_host = 0, sequence_host = 0, prompt_host = 0 }

--- What sim.new takes as `draft`.
-- @param cost the engine's cost parameters
function speculation.draft_of(drafter, hardware, cost)
  if not drafter then return nil end
  local draft = copy(drafter.draft, { hardware = hardware, cost = copy(cost, NOT_OWN) })
  if cost.calibration then draft.cost.calibration = copy(cost.calibration, NO_HOST) end
  if cost.kind == "constant" then draft.passes = 0 end     -- a step's whole time is told
  return draft
end

return speculation
