--- Encoders of images and sound: parameters by their part of the config.json. Only their memory counts.
-- Dosovitskiy et al., arXiv:2010.11929, section 3.1: per layer four matrices of attention, the MLP, norms and biases; a
-- patch embedding and positions before them, a projection to the language model after them. Which encoder has which
-- and what the projection is: the modelling files of transformers v4.57 that are named.
local json = require("oracle.core").json

local towers = {}

local function count(t, ...)
  for _, key in ipairs { ... } do
    if math.type(t[key]) == "integer" and t[key] > 0 then return t[key] end
  end
end

-- Encoders whose MLP has three matrices.
local GATED = { pixtral = true, qwen2_5_vl = true, gemma4_vision = true, glm4v = true, glm4v_moe = true,
                kimi_vl = false }

-- model_type of the file -> parameters of what joins an encoder of width w and the language model's width h.
local PROJECTORS = {}

function PROJECTORS.gemma3(_, w, h) return w * h + w end

function PROJECTORS.gemma4(_, w, h) return w * h end

PROJECTORS.gemma3n = PROJECTORS.gemma4

function PROJECTORS.llava(_, w, h) return w * h + h + h * h + h end

-- Patches are merged first (mistral3/modeling_mistral3.py, Mistral3PatchMerger).
function PROJECTORS.mistral3(raw, w, h)
  return w * w * (count(raw, "spatial_merge_size") or 2) ^ 2 + w * h + h * h + w
end

function PROJECTORS.llama4(raw, _, h)
  local v = raw.vision_config
  local into, out = count(v, "projector_input_dim") or 4096, count(v, "projector_output_dim") or 4096
  return (count(v, "intermediate_size") or 0) * into + into * out + out * h
end

-- Global layers, positions of tiles, and outputs of six layers side by side (mllama/modeling_mllama.py).
function PROJECTORS.mllama(raw, w, h)
  local v = raw.vision_config
  local inner, out = count(v, "intermediate_size") or 4 * w, count(v, "vision_output_dim") or 6 * w
  local side = (count(v, "image_size") or 560) // (count(v, "patch_size") or 14)
  local tiles, ratios = count(v, "max_num_tiles") or 4, 9
  return (count(v, "num_global_layers") or 8) * (4 * w * w + 2 * w * inner + 4 * w + inner + w)
    + ratios * tiles * ((side * side + 1) * w + 2 * w) + out * h + h
end

-- Patches of a square side by side, twice through an MLP (qwen2_vl to qwen3_5, kimi_k25, kimi_k3).
local function merger(raw, w, h)
  local v = raw.vision_config
  local sides = type(v.merge_kernel_size) == "table" and v.merge_kernel_size or {}
  local merge = count(v, "spatial_merge_size") or count(sides, 1) or 2
  local into = w * merge * merge
  local deep = type(v.deepstack_visual_indexes) == "table" and #v.deepstack_visual_indexes or 0  -- Qwen3-VL
  return (1 + deep) * (into * into + into * h + into + h)
end

for _, kind in ipairs { "qwen2_vl", "qwen2_5_vl", "qwen3_vl", "qwen3_vl_moe", "qwen3_5", "qwen3_5_moe", "kimi_k25",
                        "kimi_k3", "kimi_vl" } do
  PROJECTORS[kind] = merger
end

-- To the width of the language model, then patches of a square side by side to one (its projector and patch_merge_mlp).
function PROJECTORS.minimax_m3_vl(_, w, h) return w * h + h * h + 4 * h * h + h * h + 4 * h end

function PROJECTORS.internvl_chat(_, w, h) return 4 * w * h + h * h + 4 * w + 2 * h end

-- A convolution over squares of patches and a gated MLP (glm4v/modeling_glm4v.py, Glm4vVisionPatchMerger).
function PROJECTORS.glm4v(raw, w)
  local v = raw.vision_config
  local out = count(v, "out_hidden_size") or w
  return 4 * w * out + out * out + 3 * out * (count(v, "intermediate_size") or out)
end

PROJECTORS.glm4v_moe = PROJECTORS.glm4v

-- Widths inside the attention and the MLP of one layer.
local function widths(v, kind, w)
  local attention = count(v, "qkv_hidden_size") or w
  local inner = count(v, "intermediate_size", "vt_intermediate_size") or w * (tonumber(v.mlp_ratio) or 4)
  if kind == "glm4v" or kind == "glm4v_moe" then inner = count(v, "out_hidden_size") or inner end
  return attention, inner
end

local function image_positions(v, gated)
  local side = count(v, "init_pos_emb_height")
  if side then return side * (count(v, "init_pos_emb_width") or side) end
  local listed = count(v, "position_embedding_size", "num_position_embeddings")
  if listed then return listed end
  local image = count(v, "image_size")
  local roped = gated or v.position_embedding_type == "rope"
  return image and not roped and (image // (count(v, "patch_size") or 14)) ^ 2 or 0
end

-- An encoder whose config names an architecture and no sizes: MobileNet-V5's parameters as its name has them.
local NAMED = { mobilenetv5_300m_enc = 294e6 }

local function image_encoder(raw, h)
  local v = raw.vision_config
  if type(v) ~= "table" then return 0 end
  if NAMED[v.architecture] then return NAMED[v.architecture] + (count(v, "hidden_size") or 0) * h end
  local w = count(v, "embed_dim", "vt_hidden_size", "hidden_size", "width")
  local layers = count(v, "num_hidden_layers", "depth", "layers", "vt_num_hidden_layers")
  if not w or not layers then return 0, true end
  local kind = type(v.model_type) == "string" and v.model_type or raw.model_type
  local gated = GATED[kind] or GATED[raw.model_type] or v.hidden_act == "silu"
  local attention, inner = widths(v, kind, w)
  local layer = 4 * w * attention + (gated and 3 or 2) * w * inner + 2 * w
  if not gated and v.attn_bias ~= false then layer = layer + 7 * w + inner end
  local patch, channels = count(v, "patch_size", "spatial_patch_size") or 14,
    count(v, "num_channels", "in_channels", "in_chans") or 3
  local squeeze = type(v.img_token_compression_config) == "table" and v.img_token_compression_config or v
  local embedding = channels * patch * patch * (count(squeeze, "temporal_patch_size") or 1) * w
    + image_positions(v, gated) * w
  local join = PROJECTORS[raw.model_type] or PROJECTORS[kind] or function(_, a, b) return a * b end
  return layers * layer + embedding + join(raw, w, h)
end

-- Whisper's encoder (Qwen2-Audio, Voxtral): two convolutions, positions, layers, a projection.
local function sound_encoder(raw, h)
  local thinker = type(raw.thinker_config) == "table" and raw.thinker_config or raw
  local a = thinker.audio_config
  if type(a) ~= "table" then return 0 end
  local w = count(a, "d_model", "hidden_size")
  local layers = count(a, "encoder_layers", "num_hidden_layers", "conf_num_hidden_layers")
  if not w or not layers then return 0, true end
  if tostring(a.model_type):find "^gemma" then            -- a Conformer: two MLPs, attention, a convolution
    local kernel = count(a, "conf_conv_kernel_size", "conv_kernel_size") or 5
    return layers * (16 * w * w + 5 * w * w + 3 * w * w + w * kernel + 8 * w) + w * h
  end
  local inner = count(a, "encoder_ffn_dim", "intermediate_size") or 4 * w
  local mel = count(a, "num_mel_bins") or 128
  return layers * (4 * w * w + 2 * w * inner + 9 * w + inner) + 3 * w * (mel + w)
    + (count(a, "max_source_positions") or 1500) * w + w * h
end

-- Keys of files that tell of an encoder and not of its sizes (Phi-4-multimodal, Phi-3.5-vision, Qwen-VL, LLaVA-1.5).
local UNSIZED = { "audio_processor", "embd_layer", "img_processor", "mm_vision_tower", "visual" }

local function unsized(raw)
  if raw.vision_config ~= nil or raw.audio_config ~= nil then return nil end
  for _, key in ipairs(UNSIZED) do
    if raw[key] ~= nil and raw[key] ~= json.null then return key end
  end
end

--- Parameters of the encoders of a config.json, 0 where it has none that is described.
-- @param raw the decoded file
-- @param m the language model's shape
-- @return the sum; a list of parts that are there and not described
function towers.parameters(raw, m)
  local silent = {}
  local image, no_image = image_encoder(raw, m.hidden_size)
  local sound, no_sound = sound_encoder(raw, m.hidden_size)
  if no_image then silent[#silent + 1] = "vision_config" end
  if no_sound then silent[#silent + 1] = "audio_config" end
  silent[#silent + 1] = unsized(raw)
  return math.tointeger(math.floor(image + sound)), silent
end

--- Whether a file has an encoder.
function towers.any(raw)
  for _, key in ipairs { "vision_config", "audio_config" } do
    if type(raw[key]) == "table" and getmetatable(raw[key]) ~= json.array then return true end
  end
  return unsized(raw) ~= nil
end

return towers
