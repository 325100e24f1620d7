--- The engine with its prefix cache against a second scheduler, written plainly: vLLM v0.11's order of scheduling
-- (vllm/v1/core/sched/scheduler.py) over blocks known by the chain of ids before them, with counts of who holds them
-- and the moment they were given back. Blocks that a step fills count for whoever is admitted after in the same step;
-- those of an answer when it ends. A prompt found whole computes its last token again, or its last block, as vLLM does.
local oracle = require "oracle"
local rows = require "rows"

local STEP, TOKEN, BLOCK = 1000000, 1000, 512             -- ns per step, ns per prompt token, tokens of a trace's id

-- A stream of whole numbers (Knuth, The Art of Computer Programming 2, 3.3.4, table 1, line 26: MMIX).
local function stream(seed)
  local state = seed
  return function(low, high)
    state = state * 6364136223846793005 + 1442695040888963407
    return low + (state >> 33) % (high - low + 1)
  end
end

-- A prompt's ids: a way down a tree, so that prompts begin alike for a while.
local function ids_of(pick, blocks)
  local ids, node = {}, 0
  for i = 1, blocks do
    node = node * 3 + pick(1, i == 1 and 2 or 3)
    ids[i] = node
  end
  return ids
end

local function random_case(seed)
  local pick = stream(seed * 104729 + 7)
  for _ = 1, 8 do pick(0, 1) end
  local c = { budget = pick(300, 3000), seqs = pick(1, 8), max_len = pick(2400, 3300), by_block = seed % 2 == 0,
              requests = {} }
  local fewest = (c.max_len + BLOCK - 1) // BLOCK
  c.blocks = pick(fewest, 4 * fewest)
  local time = 0
  for i = 1, pick(10, 50) do
    if i > 1 and pick(1, 10) <= 6 then time = time + pick(0, 40) end
    local blocks = pick(1, 5)
    local prompt = pick(1, 2) == 1 and blocks * BLOCK or (blocks - 1) * BLOCK + pick(1, BLOCK)
    c.requests[i] = { number = i, keys = {}, arrival = time * 1000000, prompt = prompt, ids = ids_of(pick, blocks),
                      wanted = pick(1, 4) == 1 and pick(300, 700) or pick(1, 40) }
  end
  return c
end

-- ---- the plain scheduler ----

local plain = {}
plain.__index = plain

-- What the i-th block of a request is known by; the answer's are nobody else's.
local function key_of(r, i)
  local key = r.keys[i]
  if not key then
    key = i * BLOCK > r.prompt and ("%d: %d"):format(r.number, i) or table.concat(r.ids, " ", 1, i)
    r.keys[i] = key
  end
  return key
end

function plain:available() return self.free + self.idle end

-- Blocks for new content: those without any first, then the ones given back longest ago.
function plain:take(n)
  for _ = 1, n do
    if self.free > 0 then
      self.free = self.free - 1
    else
      local oldest, key
      for k, b in pairs(self.cache) do
        if b.holders == 0 and (not oldest or b.since < oldest) then oldest, key = b.since, k end
      end
      self.cache[key], self.idle, self.evictions = nil, self.idle - 1, self.evictions + 1
    end
  end
end

function plain:hold(key)
  local b = self.cache[key]
  if b.holders == 0 then self.idle = self.idle - 1 end
  b.holders = b.holders + 1
end

-- Full blocks up to `tokens` enter the cache; one that is there already is shared, and the own one given back.
function plain:share(r, tokens)
  while (r.shared + 1) * BLOCK <= tokens do
    r.shared = r.shared + 1
    local key = key_of(r, r.shared)
    if self.cache[key] then
      self:hold(key)
      self.free = self.free + 1
    else
      self.cache[key] = { holders = 1 }
    end
  end
end

function plain:give_back(r)
  self:share(r, r.computed)
  self.free = self.free + r.blocks - r.shared
  for i = r.shared, 1, -1 do
    local b = self.cache[key_of(r, i)]
    b.holders = b.holders - 1
    if b.holders == 0 then
      self.clock, self.idle = self.clock + 1, self.idle + 1
      b.since = self.clock
    end
  end
  r.blocks, r.shared = 0, 0
end

function plain:send_back()
  local r = table.remove(self.running)
  self:give_back(r)
  r.computed, r.decodes, r.preemptions = 0, false, r.preemptions + 1
  table.insert(self.waiting, 1, r)
  return r
end

-- The blocks and tokens of the prompt (and of what was generated before a preemption) that are cached.
function plain:find(r)
  local target, blocks, idle = r.prompt + r.output, 0, 0
  while (blocks + 1) * BLOCK <= target - (self.by_block and 1 or 0) and self.cache[key_of(r, blocks + 1)] do
    blocks = blocks + 1
    if self.cache[key_of(r, blocks)].holders == 0 then idle = idle + 1 end
  end
  return blocks, math.min(blocks * BLOCK, target - 1), idle
end

function plain:admit(r, left, step)
  local found, cached, idle = self:find(r)
  local tokens = math.min(r.prompt + r.output - cached, left)
  local need = (cached + tokens + BLOCK - 1) // BLOCK - found
  if need + idle > self:available() then return 0 end
  for i = 1, found do self:hold(key_of(r, i)) end
  self:take(need)
  r.computed, r.shared, r.blocks = cached, found, found + need
  r.cached = r.cached or cached
  r.queued = r.queued or self.now - r.arrival
  self.running[#self.running + 1] = table.remove(self.waiting, 1)
  self:share(r, cached + tokens)
  step[#step + 1] = { r, tokens }
  return tokens
end

function plain:schedule()
  local left, step, i, short = self.budget, {}, 1, false
  while i <= #self.running and left > 0 do
    local r = self.running[i]
    local tokens, gone = math.min(r.prompt + r.output - r.computed, left), false
    local function lacks() return (r.computed + tokens + BLOCK - 1) // BLOCK - r.blocks end
    while not gone and lacks() > self:available() do gone, short = self:send_back() == r, true end
    if gone then break end
    local need = math.max(0, lacks())
    self:take(need)
    r.blocks = r.blocks + need
    if not r.decodes then self:share(r, r.computed + tokens) end
    step[#step + 1] = { r, tokens }
    left, i = left - tokens, i + 1
  end
  while not short and #self.waiting > 0 and left > 0 and #self.running < self.seqs do
    local tokens = self:admit(self.waiting[1], left, step)
    if tokens == 0 then break end
    left = left - tokens
  end
  return step
end

function plain:step()
  local step, prompt_tokens = self:schedule(), 0
  for _, part in ipairs(step) do prompt_tokens = prompt_tokens + (part[1].decodes and 0 or part[2]) end
  self.now = self.now + STEP + TOKEN * prompt_tokens
  local ended, decoded = {}, {}
  for _, part in ipairs(step) do
    local r, tokens = part[1], part[2]
    local list = r.decodes and decoded or ended
    r.computed = r.computed + tokens
    if r.computed == r.prompt + r.output then
      r.decodes, r.output, r.first = true, r.output + 1, r.first or self.now
    end
    if r.output == r.wanted then list[#list + 1] = r end
  end
  -- Who ends with its prompt gives its blocks back before who ends decoding.
  table.sort(decoded, function(a, b) return a.number < b.number end)
  table.move(decoded, 1, #decoded, #ended + 1, ended)
  for _, r in ipairs(ended) do self:finish(r) end
end

function plain:finish(r)
  r.completion, r.status = self.now, "SUCCESS"
  self:give_back(r)
  for k, other in ipairs(self.running) do
    if other == r then return table.remove(self.running, k) end
  end
end

local function simulate_plainly(c)
  local s = setmetatable({ now = 0, free = c.blocks, idle = 0, clock = 0, evictions = 0, cache = {}, waiting = {},
                           running = {}, budget = c.budget, seqs = c.seqs, by_block = c.by_block }, plain)
  local next_one = 1
  while true do
    local r = c.requests[next_one]
    if r and (r.arrival <= s.now or #s.waiting + #s.running == 0) then
      s.now, next_one = math.max(s.now, r.arrival), next_one + 1
      r.computed, r.output, r.blocks, r.shared, r.preemptions = 0, 0, 0, 0, 0
      if r.prompt + r.wanted > c.max_len then r.status = "REJECTED" else s.waiting[#s.waiting + 1] = r end
    elseif #s.waiting + #s.running > 0 then
      s:step()
    else
      return s
    end
  end
end

-- ---- the engine ----

local function simulate(c, path)
  local f = assert(io.open(path, "w"))
  for _, r in ipairs(c.requests) do
    f:write(('{"timestamp": %d, "input_length": %d, "output_length": %d, "hash_ids": [%s]}\n'):format(
      r.arrival // 1000000, r.prompt, r.wanted, table.concat(r.ids, ", ")))
  end
  f:close()
  return rows.of {
    model = "llama-3.1-8b", hardware = "h100-sxm",
    engine = { block_size = BLOCK, max_num_batched_tokens = c.budget, max_num_seqs = c.seqs, max_model_len = c.max_len,
               num_gpu_blocks_override = c.blocks, recompute_last_block = c.by_block },
    cost = { kind = "constant", constant_step = STEP * 1e-9, constant_prefill_token = TOKEN * 1e-9 },
    workload = oracle.workload.trace { path = path },
  }
end

local function ns(value, per_unit)
  return value and math.floor(value * per_unit + 0.5) or nil
end

describe("the engine with its prefix cache", function()
  local path = os.tmpname() .. ".jsonl"

  teardown(function()
    os.remove(path)
    os.remove((path:gsub("%.jsonl$", "")))
  end)

  it("schedules every request when vLLM v0.11 would, and finds what it would find", function()
    local hits, evictions, preemptions, whole = 0, 0, 0, 0
    for seed = 1, 40 do
      local c = random_case(seed)
      local s = simulate_plainly(c)
      local list, summary = simulate(c, path)
      assert.equal(#c.requests, #list)
      for i, r in ipairs(c.requests) do
        local row, about = list[i], ("case %d, request %d"):format(seed, i)
        assert.equal(r.status, row.status, about)
        if r.status == "SUCCESS" then
          assert.equal(r.cached, row.cached_prefix_length, about)
          assert.equal(r.queued, ns(row.queue_ms, 1e6), about)
          assert.equal(r.first, ns(row.first_token_time, 1e9), about)
          assert.equal(r.completion, ns(row.completion_time, 1e9), about)
          assert.equal(r.preemptions, row.preemptions, about)
          whole = whole + (r.cached == r.prompt - 1 and 1 or 0)
        end
        hits, preemptions = hits + (r.cached or 0), preemptions + r.preemptions
      end
      assert.equal(s.evictions, summary.kv_cache.evictions, "case " .. seed)
      evictions = evictions + s.evictions
    end
    assert.is_true(hits > 100000 and evictions > 1000 and preemptions > 100 and whole > 20)
  end)
end)
