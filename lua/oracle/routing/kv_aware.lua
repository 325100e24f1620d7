--- The replica that has least to do for a request: prompt blocks it would have to compute, weighted, plus the KV blocks
-- it has in use. With a temperature above 0 a cheaper replica is only likelier.
-- Source: NVIDIA Dynamo documentation, "KV Router" (v0.8): cost = kv-overlap-score-weight * prefill blocks + decode
-- blocks; weight 1.0, router-temperature 0.0 (the cheapest one; else softmax over the normalised negated costs).
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

return policy.router {
  name = "kv_aware",
  params = { overlap_score_weight = 1.0, router_temperature = 0.0, block_size = 16 }, -- tokens

  route = function(c, r, s)
    local p, n, best = s.params, c:size(), 1
    s.costs = s.costs or {}
    local costs = s.costs
    for i = 1, n do
      local free, total = c:free(i)
      costs[i] = p.overlap_score_weight * (r.prompt - c:prefix_match(i)) / p.block_size + total - free
      if costs[i] < costs[best] then best = i end
    end
    if p.router_temperature > 0 then return draw(costs, n, p.router_temperature) end
    return best
  end,
}
