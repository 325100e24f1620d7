--- The experts of a config.json: how many, how wide, in which layers.
local config = require "oracle.models.config"

local experts = {}

local function count(layers, is_sparse)
  local n = 0
  for i = 0, layers - 1 do n = n + (is_sparse(i) and 1 or 0) end
  return n
end

-- A field that files give as one number or as a list of equal ones (Hunyuan); of lists for kinds of experts the first
-- are those of text (Ernie-VL).
local function first_of(c, field, otherwise, least)
  local v = c:value(field)
  if type(v) ~= "table" then return c:count(field, otherwise, least) end
  local one = math.type(v[1]) and math.tointeger(v[1])
  if not one or one < (least or 1) then c:fail("%s[0] = %s: a whole number expected", field, tostring(v[1])) end
  return one
end

-- ---- how many layers hold experts; the first way that says so counts ----

local SAID = {}

SAID[1] = function(c, layers)                             -- Llama-4
  local listed = c:value "moe_layers"
  return type(listed) == "table" and #listed > 0 and math.min(#listed, layers) or nil
end

SAID[2] = function(c, layers)                             -- Step-3: "3,4,5"
  local listed, n = c:value "moe_layers_enum", 0
  if type(listed) ~= "string" then return nil end
  for i in listed:gmatch "%d+" do n = n + (tonumber(i) < layers and 1 or 0) end
  return n
end

SAID[3] = function(c, layers)                             -- Laguna: "dense", "sparse"
  local kinds = c:value "mlp_layer_types"
  if type(kinds) ~= "table" or #kinds == 0 then return nil end
  return count(layers, function(i) return kinds[i + 1] ~= "dense" end)
end

SAID[4] = function(c, layers)                             -- Jamba
  local period = c:count "expert_layer_period"
  local offset = period and c:count("expert_layer_offset", 0, 0)
  return period and count(layers, function(i) return i % period == offset end)
end

SAID[5] = function(c, layers)                             -- one number per layer, 0: dense
  local step = c:value "moe_step"
  return type(step) == "table" and count(layers, function(i) return step[i + 1] ~= nil and step[i + 1] ~= 0 end) or nil
end

SAID[6] = function(c, layers)
  local _, step_name = c:value "moe_step"
  local dense = c:value "mlp_only_layers"
  local first, step = first_of(c, "first_dense", 0, 0), c:count("moe_step", 1)
  local offset = step_name == "moe_layer_freq" and 0 or 1 -- counted from the first layer, or the one before it
  return count(layers, function(i)
    return i >= first and (i + offset) % step == 0 and not (type(dense) == "table" and config.contains(dense, i))
  end)
end

local function expert_layers(c, layers)
  for _, way in ipairs(SAID) do
    local n = way(c, layers)
    if n then return n end
  end
end

-- A file that speaks of experts and not of their number; null is none.
local function tells_no_number(c)
  if c:raw "num_experts" ~= nil then return false end
  for _, field in ipairs { "num_experts_per_tok", "moe_intermediate_size" } do
    local v = c:value(field)
    if math.type(v) and v > 0 then return true end
  end
end

--- Read the experts into the shape `m`, whose layers and intermediate_size are known.
-- @param c an opened config.json
function experts.read(c, m)
  if tells_no_number(c) then c:missing "num_experts" end
  m.num_experts = first_of(c, "num_experts", 0, 0)
  m.num_experts_per_tok, m.moe_intermediate_size, m.shared_expert_size, m.num_dense_layers = 0, 0, 0, 0
  if m.num_experts <= 1 then                              -- some dense files write num_experts 0 or 1
    m.num_experts = 0
    return
  end
  m.num_experts_per_tok = first_of(c, "num_experts_per_tok") or c:need "num_experts_per_tok"
  m.zero_experts = c:count("zero_experts", nil, 0)
  local choice = m.num_experts + (m.zero_experts or 0)
  if m.num_experts_per_tok > choice then
    c:fail("num_experts_per_tok = %d: a whole number from 1 to %d expected", m.num_experts_per_tok, choice)
  end
  local width = not c.family.expert_width and m.intermediate_size or nil
  m.moe_intermediate_size = first_of(c, "moe_intermediate_size", width) or c:missing "moe_intermediate_size"
  m.routed_expert_hidden_size = c:count "routed_expert_hidden_size"
  local own = c:count("shared_expert_size", 0, 0)
  local shared = first_of(c, "num_shared_experts", nil, 0)
  if shared == 0 and not c.family.shared_alone then own = 0 end
  m.shared_expert_size = own > 0 and own or (shared or 0) * m.moe_intermediate_size
  m.num_dense_layers = m.num_hidden_layers - expert_layers(c, m.num_hidden_layers)
  if c.family.experts then c.family.experts(c, m) end
end

return experts
