--- The longest sequence that a config.json allows, as vLLM v0.11 derives it (vllm/config/model.py,
-- _get_and_verify_max_len).

local NAMES = { "max_position_embeddings", "n_positions", "max_sequence_length", "max_seq_len", "seq_length", "n_ctx" }

-- Kinds of rope_scaling whose files give the stretched length themselves.
local STRETCHED = { default = true, llama3 = true, longrope = true, mrope = true, su = true }

-- Positions that the file scales reach further.
local function scaled(c, length, longest)
  local rope = c:value "rope_scaling"
  if type(rope) ~= "table" or c.name == "gemma3" then return length end
  local kind, factor, from = rope.rope_type or rope.type, rope.factor, rope.original_max_position_embeddings
  if STRETCHED[kind] or type(factor) ~= "number" or factor <= 0 then return length end
  if kind == "yarn" and math.type(from) == "integer" and from > 0 then length = from end
  return math.max(1, math.floor(math.min(longest, length * factor)))
end

--- @param c an opened config.json (oracle.models.huggingface)
-- @tparam int longest no file may say more
-- @treturn int tokens: the smallest of the lengths the file names, scaled; or its model_max_length, which goes first
-- @raise where a length is wrong, or there is none and the family has none
return function(c, longest)
  local said = c:value "model_max_length"
  if type(said) == "number" and said <= longest then return c:count("model_max_length", nil, 1, longest) end
  local length
  for _, name in ipairs(NAMES) do
    local one = c:count(name, nil, 1, longest)
    if one and (not length or one < length) then length = one end
  end
  if not length then length = c.family.context ~= 0 and c.family.context or c:need "max_position_embeddings" end
  return scaled(c, length, longest)
end
