--- How the KV cache of layers of several kinds is laid out: groups of as many layers each, whose blocks are pages of
-- one size out of one pool, as vLLM's hybrid KV cache manager makes them. Files are below vllm/v1 of the wheels of
-- 0.11.0 and 0.33.0.
local kv_groups = {}

kv_groups.MOST = 64                                       -- the engine takes (src/replica/kv_groups.h)

local function up(a, b) return (a + b - 1) // b | 0 end

-- ---- what each kind of layer asks for ----

-- A page of state is as large as an attention block, which grows in steps of 16 tokens until it holds one
-- (platforms/interface.py:1098-1135).
local function attention_block(kinds, block)
  local state, keeps = kinds.state, kinds.full or kinds.windowed
  if not state or not keeps then return block end
  local needed = 16 * up(math.ceil(state.bytes), math.floor(16 * keeps.bytes))
  return math.max(block, needed)
end

-- One entry per kind: { kind =, layers =, block = tokens, page = B, window = }.
local function specs_of(kinds, s)
  local block, list = attention_block(kinds, s.block_size), {}
  local windowed, full = kinds.windowed, kinds.full
  if windowed and s.window then
    list[#list + 1] = { kind = "windowed", layers = windowed.layers, block = block, page = block * windowed.bytes,
                        window = s.window }
  elseif windowed then                                    -- they keep all of it
    if full and full.bytes ~= windowed.bytes then
      list[#list + 1] = { kind = "full", layers = 1, block = block,
                          page = block * (full.bytes * full.layers + windowed.bytes * windowed.layers) }
      full = nil
    else
      full = { layers = windowed.layers + (full and full.layers or 0), bytes = windowed.bytes }
    end
  end
  if full then list[#list + 1] = { kind = "full", layers = full.layers, block = block, page = block * full.bytes } end
  if kinds.state then
    list[#list + 1] = { kind = "state", layers = kinds.state.layers, block = block, page = kinds.state.bytes }
  end
  return list
end

-- Pages of one size: smaller ones hold more tokens (core/kv_cache_utils.py, unify_kv_cache_spec_page_size); states are
-- padded. Where no whole number of tokens does it, 0.11 refuses; 0.33 gives windowed layers room for all tokens
-- (core/kv_cache_planning.py:819), which makes one group.
local function unify(specs, kinds, s)
  local most = 0
  for _, spec in ipairs(specs) do
    if spec.kind ~= "state" or #specs == 1 then most = math.max(most, spec.page) end
  end
  for _, spec in ipairs(specs) do
    if spec.kind == "state" then
      if spec.page > most then return nil, spec end
      spec.page = most
    elseif spec.page ~= most then
      local ratio = most / spec.page
      if ratio ~= math.floor(ratio) then
        if not s.newest or kinds.state then return nil, spec, most end
        local whole = {}
        for k, v in pairs(s) do whole[k] = v end
        whole.window = nil
        return specs_of(kinds, whole)
      end
      spec.block, spec.page = spec.block * ratio | 0, most
    end
  end
  return specs
end

-- Layers of each group: those of the kind that has fewest, or of that with most where they are about as many (0.33,
-- core/kv_cache_planning.py:520-530; 0.11, core/kv_cache_utils.py:977).
local function group_size(specs, newest)
  local least, most = math.huge, 0
  for _, spec in ipairs(specs) do least, most = math.min(least, spec.layers), math.max(most, spec.layers) end
  return newest and most < 1.5 * least and most or least
end

-- ---- what one request holds ----

-- Blocks of one group that a request of so many tokens may hold at once (kv_cache_interface.py:
-- max_admission_blocks_per_request); a window keeps what is in flight beside it.
local function blocks_of(group, tokens, s)
  if group.kind == "state" then return s.prefix_caching and 2 or 1 end  -- kv_cache_interface.py:1135
  if group.kind == "full" then return up(tokens, group.block) end
  return up(math.min(group.window - 1 + s.in_flight, tokens), group.block) + 1
end

local plan = {}
plan.__index = plan

--- Blocks of the pool that a request of so many tokens may hold.
function plan:request_blocks(tokens)
  local sum = 0
  for _, g in ipairs(self.groups) do sum = sum + blocks_of(g, tokens, self.settings) end
  return sum
end

--- B of them that layers with a window take.
function plan:window_bytes(tokens)
  local sum = 0
  for _, g in ipairs(self.groups) do
    if g.kind == "windowed" then sum = sum + blocks_of(g, tokens, self.settings) end
  end
  return sum * self.block_bytes
end

--- B that it needs of each GPU.
function plan:request_bytes(tokens)
  if self.settings.newest then return self:request_blocks(tokens) * self.block_bytes end
  local sum = 0                                           -- 0.11 counts layers, without those that pad a group
  for _, spec in ipairs(self.specs) do
    sum = sum + spec.layers * spec.page * blocks_of(spec, tokens, self.settings)
  end
  return sum
end

--- Blocks in so many bytes of a GPU.
function plan:blocks(bytes)
  return math.max(0, bytes // self.block_bytes | 0)
end

--- The longest request of at most `most` tokens that so many bytes hold; 0: not even one of a token.
function plan:longest(bytes, most)
  local low, high, blocks = 0, most, self:blocks(bytes)
  while low < high do
    local middle = (low + high + 1) // 2
    local fits = self:request_bytes(middle) <= bytes and self:request_blocks(middle) <= blocks
    if fits then low = middle else high = middle - 1 end
  end
  return low
end

--- Requests of `longest` tokens that so many blocks hold at a time: "Maximum concurrency" in vLLM's log.
function plan:concurrency(blocks, longest)
  return blocks / self:request_blocks(longest)
end

--- The groups of the layers of one stage.
-- @param kinds of oracle.core's cost.memory, of one stage
-- @param s { block_size =, window = tokens, or nil where windowed layers keep everything, in_flight = tokens of all
--   batches that are scheduled at a time, prefix_caching =, newest = as 0.33 and not 0.11 does }
-- @return { groups = { { kind =, layers =, block =, page = B of one layer, window } ... },
--   block_bytes = of a block of
--   the pool, settings =, specs = }; or nil and a message
function kv_groups.of(kinds, s)
  local specs, wrong, most = unify(specs_of(kinds, s), kinds, s)
  if not specs then
    if wrong.kind == "state" then return nil, "layers with a state and none with attention have no pages in common" end
    return nil, ("pages of %d B (%s layers) and of %d B cannot be unified: neither is a multiple of the other"):format(
      wrong.page, wrong.kind, most)
  end
  local size, groups = group_size(specs, s.newest), {}
  if #specs == 1 then size = specs[1].layers end
  for _, spec in ipairs(specs) do
    local n = up(spec.layers, size)
    for i = 1, n do
      groups[#groups + 1] = { kind = spec.kind, block = spec.block, page = spec.page, window = spec.window,
                              layers = spec.layers // n + (i <= spec.layers % n and 1 or 0) | 0 }
    end
  end
  return setmetatable({ groups = groups, specs = specs, block_bytes = size * specs[1].page, settings = s }, plan)
end

local KEEP = { full = "full", windowed = "sliding" }

-- A state is kept at block boundaries where it is cached, else in one block for all of a sequence.
local function engine_group(g, e)
  if g.kind ~= "state" then return { keep = KEEP[g.kind], reach = g.window, block_size = g.block } end
  if e.enable_prefix_caching then return { keep = "aligned", block_size = g.block } end
  return { keep = "state", block_size = e.max_model_len }
end

--- The groups as the engine takes them, and the tokens of a block; nil where it must take the cache for one of blocks
-- that are all alike, as large as it is for requests of max_model_len: blocks of unlike length that are cached, a cache
-- of limited size, or memory below the GPU's.
-- @param hybrid { groups =, ... } of oracle.plan.deployment
-- @param e engine, filled
function kv_groups.for_engine(hybrid, e)
  local list, block = {}, nil
  if #hybrid.groups > kv_groups.MOST then return nil end
  if (e.prefix_cache_blocks or 0) > 0 or (e.prefix_cache_entries or 0) > 0 then return nil end
  for i, g in ipairs(hybrid.groups) do
    if g.kind == "state" and not hybrid.newest and e.enable_prefix_caching then return nil end
    list[i] = engine_group(g, e)
    if g.kind ~= "state" or e.enable_prefix_caching then
      if block and block ~= g.block then return nil end
      block = g.block
    end
  end
  return list, block or e.block_size
end

--- Separate pools, as SGLang keeps them: tokens that fit, where the pool of windowed layers is `window` times as many
-- tokens large, and states have `state` times the room of the rest.
-- @param bytes of a GPU for all of it
-- @param ratios { window =, state = }
function kv_groups.pools(kinds, bytes, ratios)
  local token = 0
  if kinds.full then token = kinds.full.layers * kinds.full.bytes end
  if kinds.windowed then
    token = token + (kinds.full and ratios.window or 1) * kinds.windowed.layers * kinds.windowed.bytes
  end
  if kinds.state then bytes = bytes / (1 + ratios.state) end
  return math.max(0, bytes // token | 0)
end

return kv_groups
