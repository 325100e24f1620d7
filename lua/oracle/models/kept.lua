--- What a model's layers keep of one sequence, by kind.
local core = require "oracle.core"

local kept = {}

local function name_of(m, kind)
  if kind == "state" then return "state" end
  local ratio = m.compress_ratio and (kind == "windowed" and m.compress_ratio or m.full_compress_ratio)
  local name = "full"
  if kind == "windowed" then
    name = m.index_topk and ("sparse, of %d"):format(m.index_topk)
      or ("%s of %d"):format(m.chunked_window and "chunk" or "window", m.sliding_window)
  end
  if ratio then name = ("%s, 1 per %d"):format(kind == "full" and "compressed" or name, ratio) end
  return (m.kv_lora_rank or 0) > 0 and name .. ", latent" or name
end

--- @param m of oracle.models.huggingface
-- @param layout for oracle.core's cost, of one stage
-- @return a list of { name, layers, per_token = bytes a token and layer (nil: a state), at = function(tokens) -> bytes
--   a layer }
function kept.kinds(m, layout)
  local memory = core.cost.memory { model = m, layout = layout, max_num_batched_tokens = 1, max_num_seqs = 1 }
  local kinds, list, window = memory.stages[1].kinds, {}, memory.window_bytes
  for _, kind in ipairs { "windowed", "full", "state" } do
    local k = kinds[kind]
    if k then
      local most = kind == "windowed" and not m.index_topk and m.sliding_window or math.huge
      list[#list + 1] = { name = name_of(m, kind), layers = k.layers, per_token = kind ~= "state" and k.bytes or nil,
        at = function(tokens)
          if kind == "state" then return k.bytes end
          local last = window > 0 and math.min(1, tokens / m.compress_window) * window or 0
          return k.bytes * math.min(tokens, most) + last
        end }
    end
  end
  return list
end

--- Bytes that all layers keep of a sequence of so many tokens.
function kept.bytes(m, layout, tokens)
  local sum = 0
  for _, k in ipairs(kept.kinds(m, layout)) do sum = sum + k.layers * k.at(tokens) end
  return sum
end

return kept
