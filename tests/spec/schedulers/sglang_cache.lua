--- SGLang's KV memory, written plainly: a pool of pages and a radix tree over what has been computed. It knows no
-- scheduler. A node holds the KV of a run of tokens; it is given up whole, from the leaves, the least recently used
-- first. Lines are those of sglang/srt in the wheels: 0.5.5 (mem_cache/radix_cache.py, mem_cache/common.py) and 0.5.23
-- (mem_cache/unified_radix_cache.py "cache", unified_cache/unified_tree_core.py "core",
-- components/full.py there "full", mem_cache/allocator/base.py "pool").
local Cache = {}
Cache.__index = Cache

local VERSIONS = {
  -- 0.5.5: who lacks one token asks for all he wants (common.py:231-233), and as many are given up
  -- (radix_cache.py:482-510).
  ["0.5.5"] = { asks_for_all = true },
  -- 0.5.23: he asks for what is lacking (pool:166-168), and it ends as soon as that is there (cache:997-1052). What an
  -- answer adds to the tree is a node of its own, so that it can go and the prompt stay (cache:1254-1276).
  ["0.5.23"] = { answers_apart = true },
}

--- size: tokens of KV; page: tokens that are taken and given back together; disabled: nothing is found again.
function Cache.new(version, size, page, disabled)
  return setmetatable({ rules = assert(VERSIONS[version]), size = size, free = size // page * page, page = page,
                        disabled = disabled, now = 0, evictable = 0, root = { key = {}, children = {}, locks = 1 } },
                      Cache)
end

--- Tokens in whole pages, at least and at most.
function Cache:pages_up(tokens) return (tokens + self.page - 1) // self.page * self.page end
function Cache:pages_down(tokens) return tokens // self.page * self.page end

local function used(self, node)
  self.now = self.now + 1
  node.time = self.now
end

-- How many of the node's tokens are tokens[at + 1 .. n], in whole pages.
local function alike(self, node, tokens, at, n)
  local same, most = 0, math.min(#node.key, n - at)
  while same < most and node.key[same + 1] == tokens[at + same + 1] do same = same + 1 end
  return self:pages_down(same)
end

-- The child that begins with the next page, its place among the children and the tokens they have in common.
local function child_at(self, node, tokens, at, n)
  for place, child in ipairs(node.children) do
    local same = alike(self, child, tokens, at, n)
    if same > 0 then return child, place, same end
  end
end

-- The first `length` tokens become a node of their own, in the child's place and as locked as it; the rest counts as
-- used just before (0.5.5 radix_cache.py:592-608; core:1467-1530).
local function split(self, parent, place, length)
  local rest = parent.children[place]
  used(self, rest)
  local first = { parent = parent, children = { rest }, locks = rest.locks,
                  key = table.move(rest.key, 1, length, 1, {}) }
  rest.key, rest.parent = table.move(rest.key, length + 1, #rest.key, 1, {}), first
  parent.children[place] = first
  return first
end

-- Down the tree as far as it holds tokens[1..n]; all that is passed counts as used now, the deeper the later. Where the
-- way ends inside a node, it is split. Returns the last node and its depth in tokens.
local function walk(self, tokens, n)
  local node, depth = self.root, 0
  while depth < n do
    local child, place, same = child_at(self, node, tokens, depth, n)
    if not child then break end
    if same < #child.key then child = split(self, node, place, same) end
    used(self, child)
    node, depth = child, depth + same
  end
  return node, depth
end

--- What of tokens[1..n] is there: its length and the node where it ends (0.5.5 radix_cache.py:565-590; core:905-1034).
function Cache:match(tokens, n)
  if self.disabled then return 0, self.root end
  local node, depth = walk(self, tokens, self:pages_down(n))
  return depth, node
end

-- tokens[1..n] are there from now on. Returns the node where they end and how many had been there.
local function insert(self, tokens, n)
  local node, depth = walk(self, tokens, n)
  if depth < n then
    local leaf = { parent = node, children = {}, locks = 0, key = table.move(tokens, depth + 1, n, 1, {}) }
    used(self, leaf)
    node.children[#node.children + 1] = leaf
    self.evictable, node = self.evictable + #leaf.key, leaf
  end
  return node, depth
end

--- Who stands at a node keeps the whole way to it.
function Cache:lock(node)
  while node ~= self.root do
    if node.locks == 0 then self.evictable = self.evictable - #node.key end
    node.locks, node = node.locks + 1, node.parent
  end
end

function Cache:unlock(node)
  while node ~= self.root do
    node.locks = node.locks - 1
    if node.locks == 0 then self.evictable = self.evictable + #node.key end
    node = node.parent
  end
end

--- A request r gives the KV of its first `length` tokens (r.tokens, of which r.prompt the prompt) to the tree and
-- stands there from now on. What others had computed meanwhile is not kept twice: their KV stays, r's goes
-- (0.5.5 radix_cache.py:357-479; cache:1164-1336). r.kept: how much of r's KV is the tree's.
function Cache:keep(r, length)
  if self.disabled then return end
  length = self:pages_down(length)
  if length == 0 then return end
  local node, there = insert(self, r.tokens, length)
  if there > r.kept then self.free = self.free + there - r.kept end
  local prompt = self:pages_down(r.prompt)
  if self.rules.answers_apart and prompt > 0 and prompt < length then walk(self, r.tokens, prompt) end
  self:unlock(r.node)
  self:lock(node)
  r.node, r.kept = node, length
end

--- r's KV of `length` tokens goes: what is the tree's stays there unlocked, the rest is free.
function Cache:release(r, length)
  self.free = self.free + self:pages_up(length) - r.kept
  self:unlock(r.node)
  r.node, r.kept = self.root, 0
end

local function oldest_leaf(node, best)
  for _, child in ipairs(node.children) do best = oldest_leaf(child, best) end
  if node.parent and node.locks == 0 and #node.children == 0 and (not best or node.time < best.time) then
    return node
  end
  return best
end

--- Makes room for `tokens`, as far as leaves that nobody stands at can be given up.
function Cache:evict_for(tokens)
  if self.disabled or self.free >= tokens then return end
  local given = 0
  while self.rules.asks_for_all and given < tokens or not self.rules.asks_for_all and self.free < tokens do
    local leaf = oldest_leaf(self.root)
    if not leaf then return end
    given, self.free, self.evictable = given + #leaf.key, self.free + #leaf.key, self.evictable - #leaf.key
    for place, child in ipairs(leaf.parent.children) do
      if child == leaf then table.remove(leaf.parent.children, place) break end
    end
  end
end

--- Takes `tokens` (whole pages), having made room for `wanted` of them; what an admission has checked is there.
function Cache:take(tokens, wanted)
  self:evict_for(wanted or tokens)
  assert(tokens <= self.free, "out of memory")
  self.free = self.free - tokens
end

--- Tokens that an admission may count on, and those in use or locked.
function Cache:room() return self.free + self.evictable end
function Cache:in_use() return self.size // self.page * self.page - self:room() end

--- The nodes from the leaves upwards, the branch with most requests first: depth-first search by weight. `at[node]`:
-- how many requests stand there; a branch weighs all that hang on it. Calls visit(node) in that order
-- (managers/schedule_policy.py 0.5.5:279-305; mem_cache/base_prefix_cache.py 0.5.23:347-387).
function Cache:by_weight(at, visit)
  local weight = {}
  local function weigh(node)
    local sum = at[node] or 0
    for _, child in ipairs(node.children) do sum = sum + weigh(child) end
    weight[node] = sum
    return sum
  end
  local function down(node)
    local order = {}
    for place, child in ipairs(node.children) do order[place] = { child, place } end
    table.sort(order, function(a, b)
      if weight[a[1]] ~= weight[b[1]] then return weight[a[1]] > weight[b[1]] end
      return a[2] < b[2]
    end)
    for _, branch in ipairs(order) do down(branch[1]) end
    visit(node)
  end
  weigh(self.root)
  down(self.root)
end

return Cache
