--- KV cache groups: the layers of one kind, each request holding blocks of its own for them. What a kind keeps of a
-- sequence, where it can be continued from, and how many blocks it asks for
-- (v1/core/single_type_kv_cache_manager.py of both versions; "single_type" below).
--
-- A sequence's blocks are numbered from 1; a place whose block is not kept holds the pool's null block.
local group = {}
group.__index = group

local function blocks_for(tokens, size) return (tokens + size - 1) // size end

local function lists(n)
  local t = {}
  for i = 1, n do t[i] = {} end
  return t
end

local function append(to, blocks)
  for i, list in ipairs(to) do list[#list + 1] = blocks[i] end
end

-- `spec`: { kind, window, chunk, mode, block_size }; `index`: the group's number; `c`: pool, rules, caching,
-- block_size, max_len and in_flight, the most tokens that may be scheduled and not yet processed.
local function create(class, spec, index, c)
  local self = setmetatable({ spec = spec, index = index, pool = c.pool, rules = c.rules, c = c,
                              size = spec.block_size or c.block_size, blocks = {}, remembered = {} }, class)
  self.bound = self:most_blocks()
  return self
end

-- Tokens from the sequence's start that the next one does not read. All are read in full attention.
function group.unread() return 0 end

-- The most blocks of this group that one request holds at a time, where that is less than its length's.
function group.most_blocks() return nil end

-- How many blocks must be free so that the request has room for `tokens`. `found`: blocks of its beginning that are
-- known; those that it will read and nobody holds leave the free queue too. `computed`: tokens that need not be
-- computed. `bounded`: no more than the group ever holds of one request, which only the check of a whole sequence asks
-- (0.11 single_type:76-86, 0.33 single_type:214-266).
function group:lacks(r, tokens, found, computed, bounded)
  local needed, held = blocks_for(tokens, self.size), #(self.blocks[r] or {})
  if bounded and self.bound then needed = math.min(needed, self.bound) end
  if self.remembered[r] then return math.max(0, needed - held) end
  local gone, idle = self:unread(computed) // self.size, 0
  for i = math.max(0, gone - held) + 1, #found do
    if not found[i].null and found[i].holders == 0 then idle = idle + 1 end
  end
  return math.max(0, needed - math.max(gone, #found + held)) + idle
end

-- A request's beginning, as found: its blocks get one more holder, but for those that will not be read
-- (0.11 single_type:88-105, where a search leaves those out; 0.33 single_type:296-314).
function group:adopt(r, found, computed)
  local blocks, gone = {}, math.max(0, self:unread(computed) // self.size)
  for i = 1, gone do blocks[i] = self.pool.null end
  for i = gone + 1, #found do
    blocks[i] = found[i]
    self.pool:hold(found[i])
  end
  self.blocks[r], self.remembered[r] = blocks, #blocks
end

function group:grow(r, tokens)
  local blocks = self.blocks[r] or {}
  self.blocks[r] = blocks
  for _, block in ipairs(self.pool:take(math.max(0, blocks_for(tokens, self.size) - #blocks))) do
    blocks[#blocks + 1] = block
  end
end

-- Whether the i-th block shall be found again. `boundaries`: lengths from which somebody may go on.
function group.retained() return true end

-- The first `tokens` of the request are settled: their full blocks can be found from now on, before they are even
-- computed (they will be by the time whoever finds them runs).
function group:remember(r, tokens, boundaries)
  local blocks, from = self.blocks[r] or {}, self.remembered[r] or 0
  local full = math.min(tokens // self.size, #r.content)
  if from >= full then return end
  for i = from + 1, full do
    if not blocks[i].null and self:retained(i, boundaries) then
      self.pool:remember(blocks[i], self.index, r.content[i])
    end
  end
  self.remembered[r] = full
end

-- Blocks of which nothing will be read again go back, the last first, up to those that went before
-- (0.11 single_type:375-391, 0.33 single_type:655-720).
function group:drop_unread(r, computed)
  local blocks = self.blocks[r]
  if not blocks then return end
  local dropped = {}
  for i = math.min(self:unread(computed, r) // self.size, #blocks), 1, -1 do
    if blocks[i].null then break end
    dropped[#dropped + 1] = blocks[i]
    blocks[i] = self.pool.null
  end
  self.pool:release(dropped)
end

function group:free(r)
  local blocks, back = self.blocks[r] or {}, {}
  for i = #blocks, 1, -1 do back[#back + 1] = blocks[i] end
  self.blocks[r], self.remembered[r] = nil, nil
  self.pool:release(back)
end

function group.step_begins() end

-- ---- full attention ----

local full = setmetatable({}, { __index = group })
full.__index = full

-- The longest known beginning of at most `limit` tokens, block by block (0.11 single_type:251-285,
-- 0.33 single_type:742-838). `groups`: the numbers of all groups of this kind; all must have the block.
function full.find(spec, pool, r, limit, groups)
  local found = lists(#groups)
  for i = 1, limit // spec.block_size do
    local blocks = pool:find(r.content[i], groups)
    if not blocks then break end
    append(found, blocks)
  end
  return found, #found[1] * spec.block_size
end

-- ---- sliding window: a token reads the `window` tokens up to itself ----

local sliding = setmetatable({}, { __index = group })
sliding.__index = sliding

-- With n tokens computed the next one, token n, reads from n - window + 1 on.
function sliding:unread(computed) return math.max(0, computed - self.spec.window + 1) end

-- What the window and the steps in flight cover, and one block as a window begins anywhere in a block
-- (0.33 v1/kv_cache_interface.py:918-944).
function sliding:most_blocks()
  return blocks_for(math.min(self.spec.window - 1 + self.c.in_flight, self.c.max_len), self.size) + 1
end

-- Full blocks before a boundary that a request going on there reads.
local function window_blocks(spec) return blocks_for(spec.window - 1, spec.block_size) end

-- The longest beginning whose last blocks, as many as a window needs, are all known; failing that, the known blocks
-- from the sequence's start. Searched from its end (0.11 single_type:312-373, 0.33 single_type:968-1064).
function sliding.find(spec, pool, r, limit, groups)
  local found, run, last = lists(#groups), 0, 0
  local blocks = {}
  for i = limit // spec.block_size, 1, -1 do
    blocks[i] = pool:find(r.content[i], groups)
    if not blocks[i] then
      run = 0
    else
      if run == 0 then last = i end
      run = run + 1
      if run >= window_blocks(spec) then break end
    end
  end
  if run == 0 then return found, 0 end
  for i = 1, last do
    for g, list in ipairs(found) do list[i] = i > last - run and blocks[i][g] or pool.null end
  end
  return found, last * spec.block_size
end

-- 0.33 keeps what a window needs before the boundaries (single_type:1066-1146); 0.11 keeps every block.
function sliding:retained(i, boundaries)
  if not boundaries then return true end
  for _, boundary in ipairs(boundaries) do
    local last = boundary // self.size
    if i <= last and i > last - window_blocks(self.spec) then return true end
  end
  return false
end

-- ---- chunked attention (Llama-4): a token reads from the start of its chunk ----

local chunked = setmetatable({}, { __index = group })
chunked.__index = chunked

function chunked:unread(computed, r)
  local unread = computed // self.spec.chunk * self.spec.chunk
  if r and self.rules.chunked_keeps_last_known_block and (self.remembered[r] or 0) > 0 then
    unread = math.min(unread, (self.remembered[r] - 1) * self.size)
  end
  return unread
end

function chunked:most_blocks()                            -- 0.33 v1/kv_cache_interface.py:864-881
  return blocks_for(math.min(self.spec.chunk + self.c.in_flight, self.c.max_len), self.size)
end

-- Chunks before the limit's count as known; in its own, block by block (0.11 single_type:412-470,
-- 0.33 single_type:1281-1379).
function chunked.find(spec, pool, r, limit, groups)
  local found = lists(#groups)
  local before = limit // spec.chunk * spec.chunk // spec.block_size
  for i = 1, limit // spec.block_size do
    local blocks = i > before and pool:find(r.content[i], groups)
    if not blocks and i > before then break end
    for g, list in ipairs(found) do list[i] = blocks and blocks[g] or pool.null end
  end
  return found, #found[1] * spec.block_size
end

-- ---- linear attention, Mamba: one state for all tokens so far (0.33 single_type:1428-2135) ----
--
-- mode "align" (caching on): a state is kept at the end of a step's last block; steps end on block boundaries, so that
-- a full block's state is the sequence's up to there. A request writes one block while it reads the one before.
-- mode "none": one block as large as the longest request; the common rules then take one and drop none.

local state = setmetatable({}, { __index = group })
state.__index = state

function state.unread(_, computed) return math.max(-1, computed - 1) end

-- The longest beginning at whose end a state is known (0.33 single_type:1522-1546).
function state.find(spec, pool, r, limit, groups)
  local found = lists(#groups)
  for i = limit // spec.block_size, 1, -1 do
    local blocks = pool:find(r.content[i], groups)
    if blocks then
      for g, list in ipairs(found) do
        for k = 1, i - 1 do list[k] = pool.null end
        list[i] = blocks[g]
      end
      return found, i * spec.block_size
    end
  end
  return found, 0
end

function state:retained(i, boundaries)                    -- 0.33 single_type:1548-1606
  for _, boundary in ipairs(boundaries) do
    if boundary // self.size == i then return true end
  end
  return false
end

local aligned = setmetatable({}, { __index = state })
aligned.__index = aligned

-- A state that this step only writes cannot be read in it: whoever finds it waits for the next step
-- (0.33 single_type:1704-1712). Otherwise one block at most is new, however long the chunk (single_type:1736-1795).
function aligned:lacks(r, tokens, found)
  local last = found[#found]
  if last and last.content and self.written[last.content] then return math.huge end
  local new = blocks_for(tokens, self.size) - #found - #(self.blocks[r] or {})
  local idle = 0
  for _, block in ipairs(found) do
    if not block.null and block.holders == 0 then idle = idle + 1 end
  end
  return math.min(1, math.max(0, new)) + idle
end

-- The places before the new block stay empty; the block written last is the one this step reads
-- (0.33 single_type:1815-1923).
function aligned:grow(r, tokens)
  local blocks = self.blocks[r] or {}
  self.blocks[r] = blocks
  local needed, before = blocks_for(tokens, self.size), #blocks
  if needed <= before then return end
  if before > 0 then self.read_from[r] = before end
  for i = before + 1, needed - 1 do blocks[i] = self.pool.null end
  blocks[needed] = self.pool:take(1)[1]
end

-- Old states go when the step that read them is processed (0.33 single_type:1608-1657).
function aligned:drop_unread(r, computed)
  local blocks = self.blocks[r]
  if not blocks then return end
  local dropped, upto = {}, math.min(self:unread(computed) // self.size, #blocks)
  for i = upto, (self.dropped[r] or 0) + 1, -1 do
    if not blocks[i].null then
      dropped[#dropped + 1] = blocks[i]
      blocks[i] = self.pool.null
    end
  end
  self.dropped[r] = math.max(upto, self.dropped[r] or 0)
  self.pool:release(dropped)
  local read = self.read_from[r]
  if read and read < blocks_for(computed, self.size) and not blocks[read].null then
    local block = blocks[read]
    blocks[read] = self.pool.null
    self.pool:release { block }
  end
end

function aligned:remember(r, tokens, boundaries)
  local from = self.remembered[r] or 0
  group.remember(self, r, tokens, boundaries)
  for i = from + 1, self.remembered[r] or 0 do
    local content = self.blocks[r][i].content
    if content then self.written[content] = true end
  end
end

function aligned:step_begins() self.written = {} end

function aligned:free(r)
  self.read_from[r], self.dropped[r] = nil, nil
  group.free(self, r)
end

local KINDS = { full = full, sliding = sliding, chunked = chunked, mamba = state }

local groups = {}

function groups.new(spec, index, c)
  local class = assert(KINDS[spec.kind], spec.kind)
  if spec.kind == "mamba" and spec.mode == "align" then class = aligned end
  local self = create(class, spec, index, c)
  if class == aligned then self.written, self.read_from, self.dropped = {}, {}, {} end
  return self
end

-- Groups that are searched together: of one kind in every respect.
function groups.same_kind(a, b)
  return a.kind == b.kind and a.window == b.window and a.chunk == b.chunk and a.mode == b.mode
    and a.block_size == b.block_size
end

function groups.find(spec, ...) return KINDS[spec.kind].find(spec, ...) end

return groups
