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

local EQUAL = 1e-5                                        -- costs that differ by less are the same

local function draw(costs, n, temperature)
  local low, high = costs[1], costs[1]
  for i = 2, n do low, high = math.min(low, costs[i]), math.max(high, costs[i]) end
  local total, span = 0, high > low and high - low or 1
  for i = 1, n do
    costs[i] = math.exp((low - costs[i]) / span / temperature)
    total = total + costs[i]
  end
  local x = math.random() * total
  for i = 1, n do
    x = x - costs[i]
    if x < 0 then return i end
  end
  return n
end

-- Of the cheapest the one with the fewest cached blocks, the first of equals.
local function least(c, costs, first, n)
  local low, best, fewest = costs[1], nil, nil
  for i = 2, n do low = math.min(low, costs[i]) end
  for i = 1, n do
    if costs[i] - low < EQUAL then
      local blocks = c:cached(first - 1 + i)
      if not best or blocks < fewest then best, fewest = i, blocks end
    end
  end
  return best
end

-- The replica with the least cost among n from `first` on. weight: of prompt blocks to compute; blocks: whether those
-- of prompts count.
local function cheapest(c, r, s, first, n, weight, blocks)
  local p, prompt = s.params, r.prompt
  s.costs, s.match = s.costs or {}, s.match or c:columns { "prefix_match" }
  if weight > 0 then c:replicas(s.match) end
  local costs, match = s.costs, s.match.prefix_match
  for i = 1, n do
    local at = first - 1 + i
    local tokens, held, fresh = c:load(at)
    local cost = blocks and held + fresh or 0
    if weight > 0 then cost = cost + weight * (tokens + prompt - match[at]) / p.block_size end
    costs[i] = cost
  end
  if p.router_temperature > 0 then return first - 1 + draw(s.costs, n, p.router_temperature) end
  return first - 1 + least(c, s.costs, first, n)
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
    local n, decoders, weight = c:size(), c:decoders(), s.params.overlap_score_weight
    if decoders > 0 and s.params.conditional == 1 then
      local at = cheapest(c, r, s, n + 1, decoders, weight, true)
      if stays(c, r, s, at) then return at end
    end
    return cheapest(c, r, s, 1, n, weight, decoders == 0)
  end,

  decode = function(c, r, s)
    return cheapest(c, r, s, c:size() + 1, c:decoders(), 0, true)
  end,
}
