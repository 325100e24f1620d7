--- The replica that has least to do: prompt tokens it would have to compute, weighted, plus the KV blocks of prompts it
-- would then hold, both with all requests sent to it that have not ended, waiting ones too. With a temperature above 0
-- a cheaper replica is only likelier. Where prompts are computed apart from decoding, it may leave a prompt to the
-- replica that will decode it (conditional disaggregation).
-- Source: NVIDIA Dynamo v0.8 (github.com/ai-dynamo/dynamo), docs/router/README.md, "Cost Function", and
-- lib/llm/src/kv_router/scheduler.rs and sequence.rs: cost = kv-overlap-score-weight * (tokens of prompts without a
-- first token + new tokens) / block size + (blocks of all prompts + new ones), a block that prompts share once; weight
-- 1.0; router-temperature 0.0, which takes the cheapest (within 1e-5 the one with the fewest cached blocks), else a
-- softmax over the negated costs divided by their span. lib/llm/src/kv_router/prefill_router.rs: of replicas
-- that only compute prompts the blocks do not count (track_active_blocks = false); one that decodes is chosen with
-- weight 0, by blocks alone.
-- Dynamo v0.2, docs/architecture/disagg_serving.md, conditional disaggregation: a prompt goes to a prefill
-- worker if what the decode worker's cache lacks of it is longer than max-local-prefill-length and the prefill queue is
-- shorter than max-prefill-queue-size; 1000 and 2 in examples/llm/components/disagg_router.py.
local policy = require "oracle.policy"

-- The best of those that compute prompts, or of those that decode. weight: of prompt blocks to compute; blocks: whether
-- those of prompts count.
local function cheapest(c, s, weight, blocks, decoders)
  local p, rank = s.params, s.rank or { ties = { cached = -1 }, within = 1e-5 }
  local each, held = weight / p.block_size, blocks and -1 or 0
  rank.load_tokens, rank.prefix_match, rank.load_blocks, rank.fresh_blocks = -each, each, held, held
  s.rank, rank.temperature, rank.decoders = rank, p.router_temperature, decoders
  return c:best(rank)
end

-- Whether replica `at`, which decodes, computes the prompt too.
local function stays(c, r, s, at)
  if r.prompt - c:prefix_match(at) <= s.params.max_local_prefill_length then return true end
  local waiting = 0
  for i = 1, c:size() do waiting = waiting + c:waiting(i) end
  return waiting >= s.params.max_prefill_queue_size
end

return policy.router {
  name = "kv_aware",
  tracks = true,
  params = {
    overlap_score_weight = 1.0, router_temperature = 0.0, block_size = 16, -- tokens
    conditional = 0,                                      -- 1: prompts may stay with who decodes them, under
    max_local_prefill_length = 1000,                      -- tokens to compute, or with
    max_prefill_queue_size = 2,                           -- requests that wait for a prompt to be computed
  },

  route = function(c, r, s)
    local decoders, weight = c:decoders(), s.params.overlap_score_weight
    if decoders > 0 and s.params.conditional == 1 then
      local at = cheapest(c, s, weight, true, true)
      if stays(c, r, s, at) then return at end
    end
    return cheapest(c, s, weight, decoders == 0, false)
  end,

  decode = function(c, _, s)
    return cheapest(c, s, 0, true, true)
  end,
}
