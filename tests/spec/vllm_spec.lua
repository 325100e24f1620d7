--- The whole engine against the plain scheduler of each version of vLLM (tests/spec/schedulers), on random requests:
-- who is scheduled how many tokens in which step, who is preempted, what is found, what memory is in use.
local plain = require "schedulers.vllm"
local random = require "schedulers.random"
local replay = require "schedulers.replay"
local simulated = require "schedulers.simulated"

-- Cases of each kind: as many as said, or $ORACLE_CASES.
local MANY = tonumber(os.getenv "ORACLE_CASES")

-- Prompts: texts of one's own, behind one of a few that others begin with too.
local function prompt(pick, c, name)
  local parts, own = {}, pick(1, 100)
  if c.shared and pick(1, 3) > 1 then
    parts[1] = { "shared " .. pick(1, 3), pick(1, 60) }
    if pick(1, 2) == 1 then parts[2] = { "next " .. pick(1, 3), pick(1, 50) } end
  end
  if #parts == 0 or pick(1, 4) > 1 then parts[#parts + 1] = { "own " .. name, own } end
  return parts
end

local function tokens_of(parts)
  local n = 0
  for _, part in ipairs(parts) do n = n + part[2] end
  return n
end

local function random_case(seed, version, knobs)
  local pick = random.stream(seed)
  local k = { block_size = ({ 1, 4, 16 })[pick(1, 3)], max_num_batched_tokens = pick(16, 128), max_model_len = 400,
              enable_prefix_caching = false, long_prefill_token_threshold = 0, scheduling_policy = "fcfs",
              async_scheduling = false }
  k.max_num_seqs = pick(1, math.min(16, k.max_num_batched_tokens))
  for key, v in pairs(knobs) do k[key] = v end
  if k.enable_chunked_prefill == false then k.max_num_batched_tokens, k.max_num_seqs = 400 + pick(0, 20), 16 end
  if k.long_prefill_token_threshold == "some" then k.long_prefill_token_threshold = pick(1, 50) end
  local case = { vllm = version, knobs = k, step_ms = 10, requests = {}, shared = knobs.enable_prefix_caching }
  local time, longest = 0, 1
  for i = 1, pick(5, 40) do
    if i > 1 and pick(1, 10) <= 7 then time = time + pick(1, 40000) / 1000 end
    if k.scheduling_policy == "priority" then time = time + 0.001 end
    local parts, output = prompt(pick, case, i), pick(1, 60)
    case.requests[i] = { name = "r" .. i, arrival_ms = time, prompt = parts, output = output,
                         ends_by = k.async_scheduling and pick(1, 2) == 1 and "stop" or nil,
                         priority = k.scheduling_policy == "priority" and pick(0, 3) or nil }
    if case.shared and pick(1, 4) == 1 then
      case.requests[i].conversation = { turns = 2, think_ms = pick(0, 300) + 0.0001 * i, input = pick(1, 30) }
    end
    longest = math.max(longest, tokens_of(parts) + output + (case.requests[i].conversation and output + 30 or 0)
      + (case.requests[i].ends_by and 64 or 0))
  end
  local fewest = (longest + k.block_size - 1) // k.block_size * (k.kv_groups and #k.kv_groups or 1)
  k.usable_kv_blocks = fewest + pick(0, 3 * fewest)
  return case
end

-- What differs of `cases` random cases, and how many preemptions they had.
local function differences(version, cases, knobs)
  local list, preemptions = {}, 0
  for seed = 1, MANY or cases do
    local case = random_case(seed, version, knobs)
    local want = plain.run(case)
    local kind, words = replay.compare(want, simulated.run(case))
    if kind then list[#list + 1] = ("case %d: %s"):format(seed, words) end
    for _, r in pairs(want.requests) do preemptions = preemptions + r.preemptions end
  end
  return list, preemptions
end

local SHAPES = {
  { "without prefix caching", {} },
  { "with prefix caching", { enable_prefix_caching = true } },
  { "with a threshold", { enable_prefix_caching = true, long_prefill_token_threshold = "some" } },
  { "without chunked prefill", { enable_chunked_prefill = false } },
  { "by priority", { scheduling_policy = "priority", enable_prefix_caching = true } },
}

local ASYNC = {
  { "without prefix caching", {} },
  { "with prefix caching", { enable_prefix_caching = true, long_prefill_token_threshold = "some" } },
  { "without chunked prefill", { enable_chunked_prefill = false } },
  { "by priority", { scheduling_policy = "priority", enable_prefix_caching = true } },
}

local WINDOW, CHUNK, FULL = { kind = "sliding", window = 32 }, { kind = "chunked", chunk = 48 }, { kind = "full" }
local STATE = { kind = "mamba", mode = "align" }

-- Layers that keep different parts of a sequence: versions, groups, knobs.
local GROUPS = {
  { "windows in all layers", { "0.11", "0.33" }, { { kind = "sliding", window = 20 } } },
  { "windows beside full attention", { "0.11", "0.33" }, { WINDOW, WINDOW, FULL } },
  { "windows of two lengths", { "0.33" }, { WINDOW, { kind = "sliding", window = 75 }, FULL } },
  { "chunks beside full attention", { "0.11", "0.33" }, { CHUNK, FULL } },
  { "states beside full attention", { "0.33" }, { STATE, STATE, FULL },
    { block_size = 16, enable_prefix_caching = true } },
}

local function with_groups(g, more)
  local knobs = { kv_groups = g[3] }
  for k, v in pairs(more) do knobs[k] = v end
  for k, v in pairs(g[4] or {}) do knobs[k] = v end
  return knobs
end

describe("the engine, where layers keep different parts of a sequence,", function()
  for _, g in ipairs(GROUPS) do
    for _, version in ipairs(g[2]) do
      it(("schedules as vLLM %s does: %s"):format(version, g[1]), function()
        local preemptions = 0
        for _, caching in ipairs { false, true } do
          local list, n = differences(version, 10, with_groups(g, { enable_prefix_caching = caching }))
          assert.same({}, list)
          preemptions = preemptions + n
        end
        assert.is_true(preemptions > 3, preemptions)
      end)
    end

    it("schedules as vLLM 0.33 does with two steps in flight: " .. g[1], function()
      local knobs = with_groups(g, { async_scheduling = true, enable_prefix_caching = true })
      assert.same({}, (differences("0.33", 10, knobs)))
    end)
  end

  it("schedules as vLLM does by priority and where admission leaves some blocks free", function()
    local groups = { WINDOW, FULL }
    assert.same({}, (differences("0.33", 10, { kv_groups = groups, enable_prefix_caching = true,
                                               scheduling_policy = "priority" })))
    assert.same({}, (differences("0.33", 10, { kv_groups = groups, enable_prefix_caching = true, watermark = 0.1 })))
    assert.same({}, (differences("0.33", 10, { kv_groups = groups, prefill_schedule_interval = 3 })))
  end)

  it("finds a preempted request's blocks whether or not its prompt is like any other", function()
    local preemptions = 0
    for seed = 1, 20 do
      local case = random_case(seed, "0.33", { kv_groups = { WINDOW, FULL } })
      case.knobs.enable_prefix_caching = true
      local want = plain.run(case)
      for _, r in pairs(want.requests) do preemptions = preemptions + r.preemptions end
      local kind, words = replay.compare(want, simulated.run(case, true))
      assert.is_nil(kind, ("case %d: %s"):format(seed, words))
    end
    assert.is_true(preemptions > 5)
  end)
end)

describe("the engine", function()
  for _, shape in ipairs(ASYNC) do
    it("schedules as vLLM 0.33 does with two steps in flight, " .. shape[1], function()
      local knobs = { async_scheduling = true }
      for k, v in pairs(shape[2]) do knobs[k] = v end
      local list, preemptions = differences("0.33", 20, knobs)
      assert.same({}, list)
      assert.is_true(preemptions > 5, preemptions)
    end)
  end

  for _, version in ipairs { "0.11", "0.33" } do
    for _, shape in ipairs(SHAPES) do
      it(("schedules as vLLM %s does, %s"):format(version, shape[1]), function()
        local list, preemptions = differences(version, 20, shape[2])
        assert.same({}, list)
        assert.is_true(preemptions > 5, preemptions)     -- the cases are tight enough to matter
      end)
    end
  end

  it("schedules as vLLM does where admission leaves some blocks free, and prompts have steps of their own", function()
    assert.same({}, (differences("0.33", 10, { watermark = 0.1, enable_prefix_caching = true })))
    assert.same({}, (differences("0.33", 10, { prefill_schedule_interval = 3 })))
    assert.same({}, (differences("0.33", 10, { scheduler_reserve_full_isl = false })))
  end)

  it("finds a preempted request's blocks whether or not its prompt is like any other", function()
    local preemptions = 0
    for seed = 1, 20 do
      local case = random_case(seed, "0.33", {})
      case.knobs.enable_prefix_caching = true
      local want = plain.run(case)
      for _, r in pairs(want.requests) do preemptions = preemptions + r.preemptions end
      local kind, words = replay.compare(want, simulated.run(case, true))
      assert.is_nil(kind, ("case %d: %s"):format(seed, words))
    end
    assert.is_true(preemptions > 5)
  end)
end)
