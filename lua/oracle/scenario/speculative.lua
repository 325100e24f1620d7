--- engine.speculative_config: what proposes draft tokens, and how often they hold. Names are vLLM's
-- (vllm/config/speculative.py); acceptance is told, for no configuration says it.
local fields = require "oracle.scenario.fields"
local formats = require "oracle.scenario.number_formats"

local speculative = {}

--- Drafts of a sequence in a step at most (src/replica/speculation.h, ORC_DRAFTS_MOST).
speculative.MOST = 64

local METHODS = { "draft_model", "eagle", "eagle3", "mtp", "ngram" }
local ALSO = { nextn = "mtp", standalone = "draft_model", draft = "draft_model", promptlookup = "ngram",
               ngramgpu = "ngram" }

-- vLLM calls multi-token prediction by the model too: deepseek_mtp, qwen3_next_mtp ...
local function method_named(name)
  local folded = name:lower():gsub("[-_]", "")
  return ALSO[folded] or folded:match "mtp$"
end

--- Models whose checkpoints have layers that predict further tokens (vllm/config/speculative.py, MTPModelTypes).
speculative.PREDICTS = {
  "deepseek_v3", "deepseek_v32", "deepseek_v4", "glm4_moe", "glm4_moe_lite", "glm_moe_dsa", "ernie4_5_moe",
  "exaone_moe", "mimo", "mimo_v2_flash", "longcat_flash", "nemotron_h", "pangu_ultra_moe", "qwen3_next", "qwen3_5",
  "qwen3_5_moe",
  "step3p5",
}

--- The row of the knob.
-- @param fixed why it cannot change while a simulation runs
function speculative.row(fixed)
  return fields.section { "speculative_config", fixed = fixed,
    doc = "speculative decoding: draft tokens that the model verifies several at a time", {
      { "method", "choice", values = METHODS, also = method_named, required = true, doc = "what proposes them" },
      { "model", "name", doc = "that proposes: of draft_model and the EAGLE heads; one layer shaped as the model's own"
        .. " for a head without it" },
      { "num_speculative_tokens", "count", min = 1, max = speculative.MOST, required = true,
        doc = "draft tokens of a sequence in a step" },
      { "acceptance", "chances", doc = "chance of each draft to hold, those before it holding: one, or a list" },
      { "acceptance_per_position", "chances", doc = "the same as vLLM logs it: the share of all drafts in which the"
        .. " first token held, the second ..." },
      { "acceptance_length", "number", min = 1, max = speculative.MOST + 1,
        doc = "the same as measured: tokens per step of a sequence in all, as vLLM's mean acceptance length" },
      { "draft_tensor_parallel_size", "count", min = 1, max = 1024,
        doc = "GPUs that share its layers: 1, or as many as share the model's; those" },
      { "draft_vocab_size", "count", min = 1, max = 100000000, doc = "of an EAGLE-3 head that has one of its own" },
      { "quantization", "choice", values = formats.names("weights", { "none" }), doc = "format of its weights" },
      fields.seconds("overhead", "per step, of proposing beside what a model computes; 0", { default = 0 }),
    } }
end

return speculative
