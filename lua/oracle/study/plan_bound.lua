--- The most requests per second that a unit of a deployment can serve, from what its steps cost: no queue is simulated,
-- and what can only make it slower is left out, so that a deployment which is too dear by this bound is too dear.
-- In the steady state of B sequences that decode, each request takes `output` steps, so that B / output of them begin
-- in each step; their prompts are computed beside the decoding ones, or in steps of their own, whichever is less. With
-- t(B) s for such a step a replica serves B / (output t(B)) requests per second, and TPOT is t(B). B is the most that
-- seats, KV cache, token budget and objectives allow.
local core = require "oracle.core"

local bound = {}

--- By how much a run may do better than the steps of averages say, for lengths and steps vary.
bound.SLACK = 1.1

local SLACK = bound.SLACK
local TAIL = 90                                           -- percentiles from here on are no less than the mean
local STEPS = 2                                           -- sizes of a batch that are tried to the double

local function seconds(kind, shape)
  return core.cost.step { model = kind.model, hardware = kind.hardware, layout = kind.layout, cost = kind.cost,
                          own_cost = kind.own_cost, shape = shape }.total
end

-- Prompts in whole requests and a rest; what came before in a prompt costs more, and is left out.
local function chunks_of(tokens, prompt)
  local list = {}
  while tokens > prompt and #list < 64 do
    list[#list + 1] = { tokens = math.ceil(prompt), samples = true }
    tokens = tokens - prompt
  end
  if tokens >= 1 then list[#list + 1] = { tokens = math.floor(tokens), samples = true } end
  return list
end

--- The limits of objectives that hold for requests on average, in s.
-- @param list of oracle.scenario.slo
-- @return { ttft =, step =, e2e = }, each nil where there is none
function bound.limits(list)
  local out = {}
  local function least(key, ms)
    out[key] = math.min(out[key] or math.huge, ms / 1e3)
  end
  for _, o in ipairs(list or {}) do
    local short = o.column.metric.short
    local tail = not o.class and (o.percentile and o.percentile >= TAIL or o.column.name:find "mean$")
    if tail and (short == "tpot" or short == "itl") then least("step", o.limit) end
    if tail and short == "e2e" then least("e2e", o.limit) end
  end
  return out
end

-- s of computing a prompt in full steps: the least that a request's takes.
local function prompt_seconds(kind, fresh)
  local most = kind.engine.max_num_batched_tokens
  local n = math.max(1, math.min(most // fresh, 64))
  return seconds(kind, { chunks = chunks_of(n * fresh, fresh) }) / n
end

-- s of a step in which `each` sequences decode, and of prompts that begin meanwhile.
local function step_of(kind, facts, fresh, each)
  local context = facts.prompt + facts.output / 2
  local own = { decode_seqs = math.max(1, math.floor(each)),
                decode_context = math.max(1, math.floor(math.max(1, each) * context)) }
  local decode = seconds(kind, own)
  if not fresh then return decode end
  local begins = each / facts.output
  own.chunks = chunks_of(begins * fresh, fresh)
  return math.min(seconds(kind, own), decode + begins * prompt_seconds(kind, fresh))
end

-- Sequences at once: seats, KV blocks of half-written answers, a budget that computes prompts as fast as answers end.
local function most_sequences(kind, facts, fresh, stages)
  local e = kind.engine
  local held = math.max(1, facts.prompt - facts.cached + facts.output / 2)
  local tokens = e.kv_groups and math.huge or e.num_gpu_blocks * e.block_size
  local budget = fresh and e.max_num_batched_tokens / (1 + fresh / facts.output) or e.max_num_batched_tokens
  return math.max(1, math.min(e.max_num_seqs, tokens / held, budget * stages))
end

local function with_output(facts, output)
  return { prompt = facts.prompt, cached = facts.cached, output = math.max(1, output) }
end

-- A replica that decodes, and computes prompts unless others do: its loads, from one sequence to as many as can be.
local function loads(kind, facts, limits, prefills)
  local stages, copies = kind.layout.pipeline_parallel_size, kind.group or 1
  local speculation = kind.engine.speculation             -- every draft token is taken, and costs nothing
  if speculation then facts = with_output(facts, facts.output / (1 + speculation.tokens)) end
  local fresh = prefills and math.max(1, facts.prompt - facts.cached) or nil
  local most = most_sequences(kind, facts, fresh, stages)
  local list, fastest = {}, nil
  for k = 0, math.ceil(math.log(most, 2) * STEPS) do
    local b = math.min(most, core.exp2(k / STEPS))
    local t = step_of(kind, facts, fresh, b / stages)     -- of a microbatch: as many are under way as there are stages
    fastest = math.min(fastest or t, t)
    if t <= (limits.step or math.huge) and facts.output * t <= (limits.e2e or math.huge) or k == 0 then
      list[#list + 1] = { sequences = copies * b, step = t, rate = copies * b / (facts.output * t) }
    end
  end
  return list, fastest
end

local function best_of(list)
  local best = list[1]
  for _, p in ipairs(list) do
    if p.rate > best.rate then best = p end
  end
  return best
end

-- How far the limits are from what one sequence takes: the shortest step, s, where it is too long.
local function too_slow(facts, limits, step)
  if step > SLACK * (limits.step or math.huge) then return { step = step } end
  if facts.output * step > SLACK * (limits.e2e or math.huge) then return { e2e = facts.output * step } end
end

--- A unit that computes prompts and decodes.
-- @param kind of oracle.plan's spec: what its steps cost
-- @param facts { prompt =, output = tokens of a request on average, cached = of the prompt, from the prefix cache }
-- @param limits of bound.limits
-- @return { rate = req/s at most, sequences = at once then, loads = { { rate =, sequences =, step = s }, ... } }, or
--   where one sequence is too slow { slow = { step = or e2e = s } }
function bound.together(kind, facts, limits)
  local list, fastest = loads(kind, facts, limits, true)
  local slow = too_slow(facts, limits, fastest)
  if slow then return { slow = slow } end
  local best = best_of(list)
  return { rate = SLACK * best.rate, sequences = best.sequences, loads = list }
end

--- What replicas that compute prompts and replicas that decode can do, one of each.
-- @return what bound.apart takes
function bound.pools(prefill, decode, facts, limits)
  local list, fastest = loads(decode, facts, limits, false)
  local fresh = math.max(1, facts.prompt - facts.cached)
  return { slow = too_slow(facts, limits, fastest), loads = list,
           prompts = prefill.layout.pipeline_parallel_size / prompt_seconds(prefill, fresh) }
end

--- A unit of `prefills` replicas that compute prompts and `decodes` that decode.
-- @param pools of bound.pools
-- @return as bound.together
function bound.apart(pools, prefills, decodes)
  if pools.slow then return { slow = pools.slow } end
  local own = {}
  for i, p in ipairs(pools.loads) do
    own[i] = { rate = math.min(prefills * pools.prompts, decodes * p.rate), sequences = decodes * p.sequences,
               step = p.step }
  end
  local best = best_of(own)
  return { rate = SLACK * best.rate, sequences = best.sequences, loads = own }
end

return bound
