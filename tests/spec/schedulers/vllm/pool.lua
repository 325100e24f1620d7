--- The pool of KV blocks and its free queue (v1/core/block_pool.py of both versions). A free block keeps its content
-- and can be found by it until it is taken for something else; the queue is the order in which that happens.
--
-- Two blocks of equal content are not merged: whoever computed the second keeps it, and a search gives the one that
-- was known first (0.11 block_pool.py:21-62, 0.33 block_pool.py:63-100).
--
-- One block, the null block, stands for what nobody reads; of `num_gpu_blocks_override = N` blocks N - 1 are usable
-- (0.11 block_pool.py:157, 0.33 block_pool.py:191).
local pool = {}
pool.__index = pool

-- `usable`: blocks without the null block. `rules`: those of the version (vllm/rules.lua).
function pool.new(usable, caching, rules)
  local self = setmetatable({ usable = usable, free = 0, caching = caching, rules = rules, known = {}, ends = {},
                              null = { null = true } }, pool)
  self.ends.next, self.ends.before = self.ends, self.ends -- before the first and after the last of the queue
  for id = 1, usable do self:queue({ id = id, holders = 0 }, self.ends.before) end
  return self
end

-- Into the free queue, behind another block of it (or its end).
function pool:queue(block, before)
  block.before, block.next = before, before.next
  before.next.before, before.next = block, block
  self.free = self.free + 1
end

function pool:unqueue(block)
  block.before.next, block.next.before = block.next, block.before
  block.before, block.next = nil, nil
  self.free = self.free - 1
end

-- ---- content ----

-- The blocks that hold a content, one of each of the groups, or nothing if one of them has none.
function pool:find(content, groups)
  local found = {}
  for i, group in ipairs(groups) do
    local list = self.known[group] and self.known[group][content]
    if not list then return nil end
    found[i] = list[1]
  end
  return found
end

function pool:remember(block, group, content)
  local of_group = self.known[group]
  if not of_group then
    of_group = {}
    self.known[group] = of_group
  end
  local list = of_group[content]
  if list then list[#list + 1] = block else of_group[content] = { block } end
  block.group, block.content = group, content
end

function pool:forget(block)
  if not block.content then return end
  local of_group = self.known[block.group]
  local list = of_group[block.content]
  for i, other in ipairs(list) do
    if other == block then
      table.remove(list, i)
      break
    end
  end
  if #list == 0 then of_group[block.content] = nil end
  block.group, block.content = nil, nil
end

-- ---- holders ----

-- n blocks for something new, from the front of the queue; what they held is forgotten.
function pool:take(n)
  local taken = {}
  for i = 1, n do
    local block = self.ends.next
    assert(block ~= self.ends, "the pool is empty")
    self:unqueue(block)
    self:forget(block)
    block.holders = 1
    taken[i] = block
  end
  return taken
end

-- One more holder of a block that was found by its content.
function pool:hold(block)
  if block.null then return end
  if block.holders == 0 then self:unqueue(block) end
  block.holders = block.holders + 1
end

-- Blocks without content go to the front of the queue, those with content to its back, each lot in the order given
-- (0.33 block_pool.py:816-847); in 0.11 all go to the back (block_pool.py:338-355). Callers give the last block of a
-- sequence first, so that the ends of sequences are lost before their beginnings.
function pool:release(blocks)
  local front = self.ends
  for _, block in ipairs(blocks) do
    if not block.null then
      block.holders = block.holders - 1
      if block.holders == 0 then
        if self.rules.blocks_without_content_first and not (block.content and self.caching) then
          self:queue(block, front)
          front = block
        else
          self:queue(block, self.ends.before)
        end
      end
    end
  end
end

function pool:used() return self.usable - self.free end

return pool
