--- A case as the engine simulates it: its schedule and its requests in the form of the plain schedulers.
local core = require "oracle.core"
local oracle = require "oracle"
local planning = require "oracle.plan"

local simulated = {}

local MS = 1000000                                        -- ns

local function engine_of(case)
  local k = case.knobs
  local version = case.vllm:match "^%d+%.%d+"
  return {
    system = "vllm", version = version, block_size = k.block_size, num_gpu_blocks_override = k.usable_kv_blocks + 1,
    max_num_seqs = k.max_num_seqs, max_num_batched_tokens = k.max_num_batched_tokens, max_model_len = k.max_model_len,
    long_prefill_token_threshold = k.long_prefill_token_threshold, enable_prefix_caching = k.enable_prefix_caching,
    enable_chunked_prefill = k.enable_chunked_prefill, scheduling_policy = k.scheduling_policy,
    watermark = k.watermark, prefill_schedule_interval = k.prefill_schedule_interval,
    scheduler_reserve_full_isl = k.scheduler_reserve_full_isl,
    async_scheduling = k.async_scheduling or false,
  }
end

local function tokens_of(parts)
  local n = 0
  for _, part in ipairs(parts) do n = n + part[2] end
  return n
end

-- One that ends with a stop token may be longer by 64 tokens, as far as the context goes.
local function most_output(case, r)
  if r.ends_by ~= "stop" then return r.output end
  return math.min(r.output + 64, case.knobs.max_model_len - tokens_of(r.prompt))
end

-- The requests, and the turns that follow in a conversation. unlike_any_other: prompts have no content that others
-- could share.
local function workload_of(case, unlike_any_other)
  local list, turns = case.requests, {}
  return oracle.workload.generator {
    next = function(g)
      g.n = (g.n or 0) + 1
      local r = list[g.n]
      if not r then return nil end
      turns[g.n] = 1
      return { arrival = r.arrival_ms * 1e-3, prompt = tokens_of(r.prompt), output = r.output, client = g.n - 1,
               session = true, max_output = most_output(case, r), ends = r.ends_by, priority = r.priority, data = g.n,
               prefix = not unlike_any_other and r.prompt or nil }
    end,
    answered = function(_, done)
      local r = list[done.data]
      local c = r.conversation
      if unlike_any_other or not c or turns[done.data] == c.turns or done.status ~= "SUCCESS" then return nil end
      turns[done.data] = turns[done.data] + 1
      return { gap = c.think_ms * 1e-3, prompt = c.input, continues = true, output = r.output, ends = r.ends_by,
               max_output = most_output(case, r), priority = r.priority, data = done.data }
    end,
    shares = not unlike_any_other,
  }
end

local function outcome(case, schedule)
  local out, names = { steps = {}, requests = {} }, {}
  for i, r in ipairs(schedule.requests) do
    local name = case.requests[r.client].name
    if r.turn > 1 then name = ("%s/%d"):format(name, r.turn) end
    names[i] = name
    out.requests[name] = { arrival_ms = r.arrival / MS, prompt_tokens = r.prompt,
                           first_token_ms = r.first_token and r.first_token / MS,
                           finish_ms = r.finish and r.finish / MS, preemptions = r.preemptions,
                           cached_tokens = r.cached, tokens_after_end = 0 }
  end
  for i, step in ipairs(schedule.steps) do
    local tokens, preempted = {}, {}
    for _, part in ipairs(step.tokens) do tokens[names[part[1]]] = (tokens[names[part[1]]] or 0) + part[2] end
    for _, part in ipairs(step.tokens) do                 -- for nothing: the request ended before the step did
      local r = out.requests[names[part[1]]]
      if r.finish_ms and step.start / MS + case.step_ms > r.finish_ms + 1e-6 then
        r.tokens_after_end = r.tokens_after_end + part[2]
      end
    end
    for k, number in ipairs(step.preempted) do preempted[k] = names[number] end
    out.steps[i] = { step.start / MS, tokens, step.used, preempted, step.formed / MS }
  end
  return out
end

-- Groups of layers as the engine takes them.
local function groups_of(case)
  local groups = case.knobs.kv_groups
  if not groups then return nil end
  local list = {}
  for i, g in ipairs(groups) do
    local keep = g.kind == "mamba" and (g.mode == "align" and "aligned" or "state") or g.kind
    list[i] = { keep = keep, reach = g.window or g.chunk, block_size = g.block_size }
  end
  return list
end

-- A case as the files of schedules state it; returns its outcome in the same form (schedulers.vllm).
function simulated.run(case, unlike_any_other)
  local plan = planning.plan(oracle.scenario {
    model = "llama-3.1-8b", hardware = "h100-sxm", engine = engine_of(case),
    cost = { kind = "constant", constant_step = case.step_ms * 1e-3, constant_prefill_token = 0 },
    workload = workload_of(case, unlike_any_other),
  })
  local spec = planning.spec(plan, {})
  spec.schedule, spec.engine.kv_groups = true, groups_of(case)
  local sim = core.sim.new(spec)
  sim:run()
  return outcome(case, sim:schedule())
end

return simulated
