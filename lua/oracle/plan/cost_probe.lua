--- Looks at a cost model of a user's own before a run: what it says of some steps of the sizes to come.
local units = require "oracle.text.units"

local cost_probe = {}

local function ms(seconds) return ("%.6g ms"):format(1e3 * seconds) end

-- Sizes from 1 to `most`, each four times the one before.
local function sizes(most)
  local list, n = {}, 1
  while n < most do
    list[#list + 1] = n
    n = n * 4
  end
  list[#list + 1] = most
  return list
end

-- The first of the sizes that costs less than the one before, in words; nil: none does.
local function fall(list, what, seconds)
  local before
  for i, n in ipairs(list) do
    local now = seconds(n)
    if before and now < before * (1 - 1e-9) then
      return ("a step of %s %s takes %s, one of %s takes %s: costs fall as tokens grow"):format(units.thousands(n),
        what, ms(now), units.thousands(list[i - 1]), ms(before))
    end
    before = now
  end
end

--- Whether costs fall as tokens grow.
-- @param seconds function(shape) -> s of a step, as oracle.core.cost.step takes shapes
-- @param e the engine's knobs
-- @return a line of text, or nil
function cost_probe.falls(seconds, e)
  local length = math.min(512, e.max_model_len)
  return fall(sizes(math.min(e.max_num_batched_tokens, e.max_model_len)), "prompt tokens", function(n)
    return seconds { chunks = { { tokens = n, samples = true } } }
  end) or fall(sizes(e.max_num_seqs), "decoding sequences", function(n)
    return seconds { decode_seqs = n, decode_context = n * length }
  end) or fall(sizes(e.max_model_len), "tokens of context", function(n)
    return seconds { decode_seqs = 1, decode_context = n }
  end)
end

return cost_probe
