--- A case of SGLang's schedules as the engine simulates it: its steps and its requests in the form of the plain
-- scheduler (schedulers.sglang_loop); of a step's fields memory and ratio are not looked at.
local core = require "oracle.core"
local oracle = require "oracle"
local planning = require "oracle.plan"

local MS = 1000000                                        -- ns

local function engine_of(case)
  local k = case.knobs
  return {
    system = "sglang", version = case.sglang, block_size = k.page_size,
    num_gpu_blocks_override = k.kv_tokens // k.page_size, max_num_seqs = k.max_running_requests,
    chunked_prefill_size = k.chunked_prefill_size or -1, max_prefill_tokens = k.max_prefill_tokens,
    schedule_policy = k.schedule_policy, schedule_conservativeness = k.schedule_conservativeness,
    max_model_len = k.context_length, disable_radix_cache = k.radix_cache == false,
    disable_overlap_schedule = not case.overlap,
  }
end

local function tokens_of(parts)
  local n = 0
  for _, part in ipairs(parts) do n = n + part[2] end
  return n
end

-- Requests in order of arrival.
local function arrivals(case)
  local list = table.move(case.requests, 1, #case.requests, 1, {})
  local place = {}
  for i, r in ipairs(list) do place[r] = i end
  table.sort(list, function(a, b)
    if a.arrival_ms ~= b.arrival_ms then return a.arrival_ms < b.arrival_ms end
    return place[a] < place[b]
  end)
  return list
end

local function workload_of(list)
  local rows = {}
  for i, r in ipairs(list) do
    local most = r.max_new_tokens or r.output
    rows[i] = { arrival = r.arrival_ms * 1e-3, prompt = tokens_of(r.prompt), output = math.min(r.output, most),
                max_output = most, ends = r.output < most and "stop" or nil, client = i - 1, prefix = r.prompt,
                priority = r.priority }
  end
  return oracle.workload.generator { shares = true, next = function(g)
    g.n = (g.n or 0) + 1
    return rows[g.n]
  end }
end

local function outcome(list, schedule)
  local out = { steps = {}, requests = {} }
  for _, r in ipairs(schedule.requests) do
    local name = list[r.client].name
    out.requests[name] = { arrival_ms = r.arrival / MS, prompt_tokens = r.prompt,
                           first_token_ms = r.first_token and r.first_token / MS,
                           finish_ms = r.finish and r.finish / MS, retractions = r.preemptions,
                           cached_tokens = r.cached }
  end
  for i, step in ipairs(schedule.steps) do
    local tokens, gone, kind = {}, nil, "decode"
    for _, part in ipairs(step.tokens) do
      local r = schedule.requests[part[1]]
      local name = list[r.client].name
      tokens[name] = (tokens[name] or 0) + part[2]
      if part[2] > 1 or not r.first_token or r.first_token > step.start then kind = "prefill" end
    end
    for k, number in ipairs(step.preempted) do
      gone = gone or {}
      gone[k] = list[schedule.requests[number].client].name
    end
    out.steps[i] = { step.start / MS, kind, tokens, step.used, nil, nil, gone }
  end
  return out
end

local simulated = {}

--- The outcome of a case (schedulers.sglang_loop).
function simulated.run(case)
  local list = arrivals(case)
  local plan = planning.plan(oracle.scenario {
    model = "llama-3.1-8b", hardware = "h100-sxm", engine = engine_of(case),
    cost = { kind = "constant", constant_step = case.step_ms * 1e-3, constant_prefill_token = 0 },
    workload = workload_of(list),
  })
  local spec = planning.spec(plan, {})
  spec.schedule = true
  local sim = core.sim.new(spec)
  sim:run()
  return outcome(list, sim:schedule())
end

return simulated
