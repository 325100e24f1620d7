--- A scheduler's KV memory: one pool, the groups that share it, the search for known beginnings and the check whether
-- a request's next tokens have room (v1/core/kv_cache_manager.py and kv_cache_coordinator.py of both versions; "kvm"
-- and "coordinator" below).
local groups = require "schedulers.vllm.group"
local pools = require "schedulers.vllm.pool"

local memory = {}
memory.__index = memory

-- `knobs` as a case states them; `batches`: how many may be in flight.
function memory.new(knobs, rules, batches)
  local caching = knobs.enable_prefix_caching
  local self = setmetatable({ rules = rules, caching = caching, max_len = knobs.max_model_len, groups = {}, kinds = {},
                              pool = pools.new(knobs.usable_kv_blocks, caching, rules) }, memory)
  local c = { pool = self.pool, rules = rules, block_size = knobs.block_size, max_len = knobs.max_model_len,
              in_flight = batches * knobs.max_num_batched_tokens }
  for i, spec in ipairs(knobs.kv_groups or { { kind = "full" } }) do
    local own = { block_size = knobs.block_size }
    for k, v in pairs(spec) do own[k] = v end
    self.groups[i] = groups.new(own, i, c)
    self:sort_in(own, i)
  end
  -- Free blocks that admission leaves alone while others run; the null block counts (0.33 kvm:210,518-525).
  self.watermark = math.floor((knobs.watermark or 0) * (knobs.usable_kv_blocks + 1))
  return self
end

-- Groups of one kind are searched as one, full attention before the others (0.33 coordinator:718-760).
function memory:sort_in(spec, index)
  for _, kind in ipairs(self.kinds) do
    if groups.same_kind(kind.spec, spec) then
      kind.members[#kind.members + 1] = index
      return
    end
  end
  local place = spec.kind == "full" and 1 or #self.kinds + 1
  table.insert(self.kinds, place, { spec = spec, members = { index } })
end

local function nothing(n)
  local found = {}
  for i = 1, n do found[i] = {} end
  return found
end

-- The known beginning of a request: { blocks = by group, tokens, junction }. At least one token is left to compute,
-- so a prompt known whole computes its last block again (0.11 kvm:180, 0.33 kvm:301-307). Each kind may shorten
-- what the one before it found; with more than two kinds, until all agree (0.33 coordinator:806-941; 0.11
-- coordinator:352-414 has two kinds and looks once). junction: how far the longest of them reached, if further: from
-- there on others share the text, and the kinds that lack it shall keep it this time (0.33 kvm:323).
function memory:find(r)
  local found = { blocks = nothing(#self.groups), tokens = 0, junction = 0 }
  if not self.caching then return found end
  local length, longest, first = r.tokens - 1, 0, true
  local once = #self.kinds == 1 or #self.kinds == 2 and self.kinds[1].spec.kind == "full"
  repeat
    local before = length
    for _, kind in ipairs(self.kinds) do
      if first or kind.spec.kind ~= "full" then
        local blocks, tokens = groups.find(kind.spec, self.pool, r, length, kind.members)
        for k, i in ipairs(kind.members) do found.blocks[i] = blocks[k] end
        length, longest = tokens, math.max(longest, tokens)
      end
    end
    first = false
  until once or length >= before
  for _, kind in ipairs(self.kinds) do
    for _, i in ipairs(kind.members) do
      local list = found.blocks[i]
      for k = #list, length // kind.spec.block_size + 1, -1 do list[k] = nil end
    end
  end
  found.tokens = length
  if longest > length then found.junction = longest end
  return found
end

function memory:lacks(r, tokens, found, computed, bounded)
  local n = 0
  for i, g in ipairs(self.groups) do n = n + g:lacks(r, tokens, found[i], computed, bounded) end
  return n
end

-- Room for a request's next tokens, or false and nothing changed but that blocks outside its windows went back.
-- `admission`, for a request from the queue: { found, whole: its whole known sequence must fit, busy: others run }.
function memory:allocate(r, tokens, admission)
  local found = admission and admission.found or { blocks = nothing(#self.groups), tokens = 0 }
  local computed = math.min(r.computed + found.tokens, self.max_len)
  local kept = admission and admission.busy and self.watermark or 0
  -- A check, not a reservation: the sequence must fit the blocks that are free now (0.33 kvm:531-548).
  if admission and admission.whole then
    local whole = math.min(r.tokens, self.max_len)
    if self:lacks(r, whole, found.blocks, computed, true) + kept > self.pool.free then return false end
  end
  -- By tokens processed: the steps in flight still read their windows (0.33 kvm:561-568). 0.11 has none in flight
  -- and looks before the found tokens count (kvm:253), which is the same as a request from the queue has no blocks.
  for _, g in ipairs(self.groups) do g:drop_unread(r, math.max(0, computed - r.in_flight)) end
  local slots = math.min(computed + tokens, self.max_len)
  if self:lacks(r, slots, found.blocks, computed) + kept > self.pool.free then return false end
  if found.tokens > 0 then
    for i, g in ipairs(self.groups) do g:adopt(r, found.blocks[i], computed) end
  end
  for _, g in ipairs(self.groups) do g:grow(r, slots) end
  self:remember(r, math.min(computed + tokens, r.tokens))
  return true
end

-- Full blocks of the first `tokens`, prompt and answer alike, can be found from now on. In 0.33 groups that keep less
-- than the whole sequence keep what a replay of the prompt reads, and what was seen to be shared (coordinator:65-86,
-- 358-381; single_type:505-540).
function memory:remember(r, tokens)
  if not self.caching then return end
  local boundaries
  if self.rules.retains ~= "every block" then
    boundaries = { r.prompt - 1 }
    if r.junction > 0 then boundaries[2] = r.junction end
  end
  for _, g in ipairs(self.groups) do g:remember(r, tokens, boundaries) end
end

function memory:free(r)
  for _, g in ipairs(self.groups) do g:free(r) end
end

function memory:step_begins()
  for _, g in ipairs(self.groups) do g:step_begins() end
end

return memory
