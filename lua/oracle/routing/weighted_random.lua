--- A replica at random, by weight: params.weights[i] is that of replica i, 1 where none is given.
local policy = require "oracle.policy"

local function weight(weights, i)
  local w = weights[i] or 1
  if type(w) ~= "number" or w ~= w or w < 0 or w == math.huge then
    error(("weights[%d]: a number >= 0 expected"):format(i), 0)
  end
  return w
end

return policy.router {
  name = "weighted_random",
  params = { weights = {} },

  route = function(c, _, s)
    local n, weights, total = c:size(), s.params and s.params.weights or {}, 0
    for i = 1, n do total = total + weight(weights, i) end
    if total <= 0 then error("weights: all are zero", 0) end
    local left, last = c:random() * total, 1
    for i = 1, n do                                       -- rounding may leave a rest: the last with a weight has it
      local w = weight(weights, i)
      if w > 0 then
        if left < w then return i end
        left, last = left - w, i
      end
    end
    return last
  end,
}
