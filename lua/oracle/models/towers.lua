--- Encoders of images: parameters of a vision transformer by its `vision_config`. Only their memory counts.
-- Dosovitskiy et al., arXiv:2010.11929, section 3.1: per layer four matrices of attention, the MLP, norms and biases; a
-- patch embedding and positions before them, a projection to the language model after them (transformers v4.57:
-- siglip, clip, pixtral and qwen2_5_vl modelling files).
local towers = {}

local function count(t, ...)
  for _, key in ipairs { ... } do
    if math.type(t[key]) == "integer" and t[key] > 0 then return t[key] end
  end
end

--- Parameters of the encoders of a config.json, 0 where it has none that is described.
-- @param raw the decoded file
-- @param m the language model's shape
function towers.parameters(raw, m)
  local v = raw.vision_config
  if type(v) ~= "table" then return 0 end
  local wide = count(v, "hidden_size", "embed_dim", "width")
  local layers = count(v, "num_hidden_layers", "depth", "layers")
  if not wide or not layers then return 0 end
  local act = v.hidden_act or v.hidden_activation
  local gated = act == "silu"                             -- Pixtral's and Qwen2.5-VL's SwiGLU
  local inner = count(v, "intermediate_size") or wide * (tonumber(v.mlp_ratio) or 4)
  local layer = 4 * wide * wide + (gated and 3 or 2) * wide * inner
  if not gated then layer = layer + 9 * wide + inner end
  local patch, channels = count(v, "patch_size") or 14, count(v, "num_channels", "in_channels", "in_chans") or 3
  local steps = count(v, "temporal_patch_size") or 1
  local merged = (count(v, "spatial_merge_size") or count(raw, "spatial_merge_size") or 1) ^ 2
  local into = wide * merged
  local image = count(v, "image_size")
  local positions = count(v, "position_embedding_size", "num_position_embeddings")
    or image and not gated and (image // patch) ^ 2 or 0
  local project = merged > 1 and into * into + into * m.hidden_size or wide * m.hidden_size
  local embedding = channels * patch * patch * steps * wide + positions * wide
  return math.tointeger(math.floor(layers * layer + embedding + project))
end

return towers
