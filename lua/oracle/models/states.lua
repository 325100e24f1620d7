--- Layers that mix tokens by a state of fixed size: their parameters and the bytes of one sequence's state, by kind.
-- Each reader takes an opened config.json (oracle.models.huggingface) and the shape so far, and returns { inputs =,
-- outputs =, vectors =, bytes =, values = }: widths of the projection in and of the one out, what other parameters a
-- layer has, B of state, and values of the recurrence. Convolutions keep kernel - 1 values of each channel in the
-- model's 16 bits; what format the state itself has, the file may say (`mamba_ssm_dtype`, as vLLM 0.33 reads it:
-- model_executor/models/config.py).
local states = {}

local WIDTH = { float32 = 4, bfloat16 = 2, float16 = 2 }

-- B of one value of the state.
local function value_bytes(c, otherwise)
  local name = c:value "mamba_ssm_dtype" or c:value "mamba_ssm_cache_dtype"
  if name == nil then return otherwise end
  return WIDTH[name] or c:fail("mamba_ssm_dtype = %s: float32, bfloat16 or float16 expected", tostring(name))
end

--- Gated delta net: Yang et al., arXiv:2412.06464; transformers v4.57, qwen3_next/modeling_qwen3_next.py
-- (Qwen3NextGatedDeltaNet). One convolution over queries, keys and values; a decay and a step per value head. The
-- state is in 32 bits.
function states.delta_net(c)
  local keys = c:need "linear_num_key_heads" * c:need "linear_key_head_dim"
  local heads, size = c:need "linear_num_value_heads", c:need "linear_value_head_dim"
  local wide, kernel = heads * size, c:count("linear_conv_kernel_dim", 4)
  local channels, values = 2 * keys + wide, heads * size * c:need "linear_key_head_dim"
  return { inputs = channels + wide + 2 * heads, outputs = wide,
           vectors = channels * kernel + 2 * heads + size, values = values,
           bytes = 2 * channels * (kernel - 1) + value_bytes(c, 4) * values }
end

-- Mamba-2's widths, by the names of the families that have it.
local function mamba2_shape(c, m)
  local heads = c:count "mamba_num_heads" or c:count "mamba_n_heads" or c:count "n_mamba_heads"
  local inner = c:count "mamba_d_ssm" or c:count("mamba_expand", c:count("expand", 2)) * m.hidden_size
  local size = c:count "mamba_head_dim" or c:count "mamba_d_head" or c:count "mamba_headdim"
  if not size and heads then size = inner // heads end
  if not heads then heads = inner // (size or c:need "mamba_n_heads") end
  return heads, size, c:count("ssm_state_size", c:count("mamba_d_state", 128)),
    c:count("mamba_n_groups", c:count("n_groups", c:count("mamba_ngroups", 1))),
    c:count("mamba_d_conv", c:count("conv_kernel", 4))
end

--- Mamba-2: Dao and Gu, arXiv:2405.21060, section 7; transformers v4.57, bamba/modeling_bamba.py (BambaMixer). The
-- state has the model's format where the file does not say otherwise; Nemotron-H's has 32 bits (vLLM 0.33,
-- model_executor/models/config.py:817).
function states.mamba2(c, m)
  local heads, size, state, groups, kernel = mamba2_shape(c, m)
  local inner = heads * size
  local channels = inner + 2 * groups * state
  return { inputs = inner + channels + heads, outputs = inner,
           vectors = channels * (kernel + 1) + 3 * heads + inner, values = inner * state,
           bytes = 2 * channels * (kernel - 1) + value_bytes(c, c.name == "nemotron_h" and 4 or 2) * inner * state }
end

--- Mamba: Gu and Dao, arXiv:2312.00752, section 3.4; transformers v4.57, jamba/modeling_jamba.py (JambaMambaMixer).
-- The small projections to step, B and C stand among the vectors.
function states.mamba(c, m)
  local inner = c:count("mamba_expand", 2) * m.hidden_size
  local state, kernel = c:count("mamba_d_state", 16), c:count("mamba_d_conv", 4)
  local rank = c:value "mamba_dt_rank"
  rank = math.type(rank) == "integer" and rank or (m.hidden_size + 15) // 16
  local heads = c:count("n_mamba_heads", 1)               -- Zamba: its small projections are of one head each
  return { inputs = 2 * inner, outputs = inner,
           vectors = inner * (kernel + 1) + inner * (rank + 2 * state) + (rank + 1) * inner + inner * (state + 1)
             + (heads == 1 and rank + 2 * state or 0), values = inner * state,
           bytes = 2 * inner * (kernel - 1) + value_bytes(c, 2) * inner * state }
end

--- Gated short convolution: transformers v4.57, lfm2/modeling_lfm2.py (Lfm2ShortConv): three streams in, one out.
function states.convolution(c, m)
  local kernel = c:count("conv_L_cache", 3)
  return { inputs = 3 * m.hidden_size, outputs = m.hidden_size, vectors = kernel * m.hidden_size, values = 0,
           bytes = 2 * (kernel - 1) * m.hidden_size }
end

--- Lightning attention: MiniMax-01, arXiv:2501.08313, section 2.2; transformers v4.57, minimax/modeling_minimax.py:
-- queries, keys, values and a gate; one matrix of head_dim squared per head, in 32 bits.
function states.lightning(_, m)
  local width = m.num_attention_heads * m.head_dim
  local values = m.num_attention_heads * m.head_dim * m.head_dim
  return { inputs = 4 * width, outputs = width, vectors = width, values = values, bytes = 4 * values }
end

--- Kimi delta attention: Kimi Linear, arXiv:2510.26692, section 4, and its modeling_kimi.py (KimiDeltaAttention):
-- queries, keys and values with convolutions of their own, a decay per channel of low rank, and a gate that is so too
-- unless the file says it is not (Kimi-K3).
function states.kimi_delta(c)
  local own = c:inside "linear_attn_config"
  if not own then c:fail("linear_attn_config is missing (needed for model_type %s)", c.model_type) end
  local heads, size = own:count("num_heads", 32), own:count("head_dim", 128)
  local width, kernel = heads * size, own:count("short_conv_kernel_size", 4)
  local full, values = own:flag "use_full_rank_gate", heads * size * size
  return { inputs = 3 * width + heads + size + (full and width or size), outputs = width,
           vectors = 3 * width * kernel + (full and 1 or 2) * size * width + width + heads + size, values = values,
           bytes = 2 * 3 * width * (kernel - 1) + value_bytes(c, 4) * values }
end

return states
