--- The replica that has least to do for a request: prompt blocks it would have to compute, weighted, plus the KV blocks
-- it has in use. With a temperature above 0 a cheaper replica is only likelier. Where prompts are computed apart from
-- decoding, it may leave a prompt to the replica that will decode it (conditional disaggregation).
-- Source: NVIDIA Dynamo documentation, "KV Router" (v0.8): cost = kv-overlap-score-weight * prefill blocks + decode
-- blocks; weight 1.0, router-temperature 0.0 (the cheapest one; else softmax over the normalised negated costs).
-- NVIDIA Dynamo documentation v0.2, "Dynamo Disaggregation", conditional disaggregation: a prompt goes to a prefill
-- worker if what the decode worker's cache lacks of it is longer than max-local-prefill-length and the prefill queue is
-- shorter than max-prefill-queue-size; 1000 and 2 in examples/llm/components/disagg_router.py.
local policy = require "oracle.policy"

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

-- The replica with the least cost among n from `first` on.
local function cheapest(c, r, s, first, n)
  local p, best = s.params, 1
  s.costs = s.costs or {}
  local costs = s.costs
  for i = 1, n do
    local at = first - 1 + i
    local free, total = c:free(at)
    costs[i] = p.overlap_score_weight * (r.prompt - c:prefix_match(at)) / p.block_size + total - free
    if costs[i] < costs[best] then best = i end
  end
  if p.router_temperature > 0 then best = draw(costs, n, p.router_temperature) end
  return first - 1 + best
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
  params = {
    overlap_score_weight = 1.0, router_temperature = 0.0, block_size = 16, -- tokens
    conditional = 0,                                      -- 1: prompts may stay with who decodes them, under
    max_local_prefill_length = 1000,                      -- tokens to compute, or with
    max_prefill_queue_size = 2,                           -- requests that wait for a prompt to be computed
  },

  route = function(c, r, s)
    local n, decoders = c:size(), c:decoders()
    if decoders > 0 and s.params.conditional == 1 then
      local at = cheapest(c, r, s, n + 1, decoders)
      if stays(c, r, s, at) then return at end
    end
    return cheapest(c, r, s, 1, n)
  end,
}
