--- The whole engine against a second scheduler, written plainly, request by request, from vLLM v0.11's own
-- (vllm/v1/core/sched/scheduler.py, Scheduler.schedule): the running requests in order of admission, each with what is
-- left of the budget (of a prompt at most long_prefill_token_threshold), the last one giving way when blocks run short;
-- then, where nobody had to, the queue.
local oracle = require "oracle"
local policy = require "oracle.policy"
local study = require "oracle.study"

local STEP, TOKEN = 1000000, 10000                        -- ns per step, ns per prompt token
local TICK = 100                                          -- ns: as fine as the trace's times are

-- A stream of whole numbers (Knuth, The Art of Computer Programming 2, 3.3.4, table 1, line 26: MMIX).
local function stream(seed)
  local state = seed
  return function(low, high)
    state = state * 6364136223846793005 + 1442695040888963407
    return low + (state >> 33) % (high - low + 1)
  end
end

local function random_case(seed)
  local pick = stream(seed * 7919 + 1)
  for _ = 1, 8 do pick(0, 1) end
  local c = { block_size = ({ 1, 4, 16 })[pick(1, 3)], budget = pick(16, 128), max_len = pick(60, 200), requests = {} }
  c.seqs = pick(1, math.min(16, c.budget))
  c.chunked = pick(1, 2) == 1
  if not c.chunked then c.budget, c.seqs = c.max_len + pick(0, 20), 16 end
  local fewest = (c.max_len + c.block_size - 1) // c.block_size
  c.blocks = pick(fewest, 4 * fewest)
  local time = 0
  for i = 1, pick(5, 60) do
    if i > 1 and pick(1, 10) <= 7 then time = time + pick(0, 400000) * TICK end
    c.requests[i] = { number = i, arrival = time, prompt = pick(1, 100), wanted = pick(1, 60) }
  end
  c.cap = c.chunked and pick(1, 3) == 1 and pick(1, 50) or 0
  return c
end

-- ---- the plain scheduler ----

local plain = {}
plain.__index = plain

function plain:lacks(r, tokens)
  return (r.computed + tokens + self.block_size - 1) // self.block_size - r.blocks
end

function plain:take(r, tokens, step)
  local blocks = self:lacks(r, tokens)
  self.free, r.blocks = self.free - blocks, r.blocks + blocks
  step[#step + 1] = { r, tokens }
end

function plain:give_back(r)
  self.free, r.blocks = self.free + r.blocks, 0
end

-- The last one admitted gives way. It goes back to where it stood: before all others, unless it overtook some whose
-- prompts were too long (vLLM puts it before those too, and turns round the order of those).
function plain:send_back()
  local r = table.remove(self.running)
  self:give_back(r)
  r.computed, r.decodes, r.preemptions = 0, false, r.preemptions + 1
  local place = 1
  while self.waiting[place] and self.waiting[place].number < r.number do place = place + 1 end
  table.insert(self.waiting, place, r)
  return r
end

function plain:schedule()
  local left, step, i, short = self.budget, {}, 1, false
  while i <= #self.running and left > 0 do
    local r = self.running[i]
    local tokens, gone = math.min(r.prompt + r.output - r.computed, left, self.cap), false
    while not gone and self:lacks(r, tokens) > self.free do
      gone, short = self:send_back() == r, true
    end
    if gone then break end
    self:take(r, tokens, step)
    left, i = left - tokens, i + 1
  end
  local next_one = 1                                      -- beyond those passed over, which keep their order here
  while not short and self.waiting[next_one] and left > 0 and #self.running < self.seqs do
    local r = self.waiting[next_one]
    local wanted = r.prompt + r.output - r.computed
    local tokens = math.min(wanted, left, self.cap)
    if not self.chunked and wanted > left then
      next_one, self.passed = next_one + 1, self.passed + 1
    else
      if self:lacks(r, tokens) > self.free then break end
      self.running[#self.running + 1] = table.remove(self.waiting, next_one)
      r.queued = r.queued or self.now - r.arrival
      self:take(r, tokens, step)
      left = left - tokens
    end
  end
  return step
end

function plain:finish(r)
  r.completion, r.status = self.now, "SUCCESS"
  self:give_back(r)
  for k, other in ipairs(self.running) do
    if other == r then return table.remove(self.running, k) end
  end
end

function plain:step()
  local step, prompt_tokens = self:schedule(), 0
  for _, part in ipairs(step) do prompt_tokens = prompt_tokens + (part[1].decodes and 0 or part[2]) end
  self.now = self.now + STEP + TOKEN * prompt_tokens
  for _, part in ipairs(step) do
    local r, tokens = part[1], part[2]
    r.computed = r.computed + tokens
    if r.computed == r.prompt + r.output then
      r.decodes, r.output, r.first = true, r.output + 1, r.first or self.now
      if r.output == r.wanted then self:finish(r) end
    end
  end
end

local function simulate_plainly(c)
  local s = setmetatable({ now = 0, free = c.blocks, waiting = {}, running = {}, block_size = c.block_size,
                           budget = c.budget, seqs = c.seqs, chunked = c.chunked, passed = 0,
                           cap = c.cap > 0 and c.cap or math.huge }, plain)
  local next_one = 1
  while true do
    local r = c.requests[next_one]
    if r and (r.arrival <= s.now or #s.waiting + #s.running == 0) then
      s.now, next_one = math.max(s.now, r.arrival), next_one + 1
      r.computed, r.output, r.blocks, r.preemptions = 0, 0, 0, 0
      if r.prompt + r.wanted > c.max_len then r.status = "REJECTED" else s.waiting[#s.waiting + 1] = r end
    elseif #s.waiting + #s.running > 0 then
      s:step()
    else
      return s.passed
    end
  end
end

-- ---- the engine ----

local function written(path, lines)
  local f = assert(io.open(path, "w"))
  f:write(table.concat(lines, "\n"), "\n")
  f:close()
end

-- The policy that says it in Lua, and the engine's own, which a policy of an order alone has.
local POLICIES = { "chunked", policy.batching { name = "arrival", order = function(r) return r.id end } }

local function simulate(c, batching, trace, csv)
  local lines = { "TIMESTAMP,ContextTokens,GeneratedTokens" }
  for i, r in ipairs(c.requests) do
    lines[i + 1] = ("2023-11-16 00:00:%02d.%07d,%d,%d"):format(r.arrival // 1000000000,
      r.arrival % 1000000000 // TICK, r.prompt, r.wanted)
  end
  written(trace, lines)
  study.run(oracle.scenario {
    model = "llama-3.1-8b", hardware = "h100-sxm",
    engine = { block_size = c.block_size, max_num_batched_tokens = c.budget, max_num_seqs = c.seqs,
               max_model_len = c.max_len, num_gpu_blocks_override = c.blocks, enable_prefix_caching = false,
               enable_chunked_prefill = c.chunked, long_prefill_token_threshold = c.cap },
    batching = batching,
    cost = { kind = "constant", constant_step = STEP * 1e-9, constant_prefill_token = TOKEN * 1e-9 },
    workload = oracle.workload.trace { path = trace },
  }, { csv = csv })
  local rows, names = {}, nil
  for line in io.lines(csv) do
    local cells = {}
    for cell in (line .. ","):gmatch("([^,]*),") do cells[#cells + 1] = cell end
    if names then
      local row = {}
      for i, name in ipairs(names) do row[name] = cells[i] end
      rows[#rows + 1] = row
    else
      names = cells
    end
  end
  return rows
end

local function ns(text, per_unit)
  return text ~= "" and math.floor(tonumber(text) * per_unit + 0.5) or nil
end

describe("the engine", function()
  local trace, csv = os.tmpname() .. ".csv", os.tmpname()

  teardown(function()
    for _, path in ipairs { trace, (trace:gsub("%.csv$", "")), csv } do os.remove(path) end
  end)

  it("schedules every request when vLLM v0.11 would", function()
    local preemptions, passed = 0, 0
    for seed = 1, 80 do
      local c = random_case(seed)
      passed = passed + simulate_plainly(c)
      local rows = simulate(c, POLICIES[seed % 2 + 1], trace, csv)
      assert.equal(#c.requests, #rows)
      for i, r in ipairs(c.requests) do
        local row, about = rows[i], ("case %d, request %d"):format(seed, i)
        assert.equal(r.status, row.status, about)
        if r.status == "SUCCESS" then
          assert.equal(r.queued, ns(row.queue_ms, 1e6), about)
          assert.equal(r.first, ns(row.first_token_time, 1e9), about)
          assert.equal(r.completion, ns(row.completion_time, 1e9), about)
          assert.equal(r.preemptions, math.tointeger(tonumber(row.preemptions)), about)
        end
        preemptions = preemptions + r.preemptions
      end
    end
    assert.is_true(preemptions > 100)                     -- the cases are tight enough to matter
    assert.is_true(passed > 100)
  end)
end)
