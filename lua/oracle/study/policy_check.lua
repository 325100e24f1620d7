--- A policy against the laws of serving, under random small deployments and loads: no request is lost, no step goes
-- over its budgets, every step makes progress, the same seed gives the same result with and without runs of steps.
local lazy = require "oracle.lazy"
local paths = lazy "oracle.text.paths"
local planning = require "oracle.plan"
local policy = require "oracle.policy"
local scenario = require "oracle.scenario"

local check = {}

local LOADS, FAULTS = 20, 3
local STARVED = 8                                         -- times the mean wait of a load: one request is left behind

-- Draws of their own, so that a check is the same everywhere: Park and Miller's minimal standard generator (CACM
-- 31(10), 1988).
local function generator(seed)
  local state = seed % 2147483646 + 1
  local function draw(low, high)
    state = state * 48271 % 2147483647
    return low + state % (high - low + 1)
  end
  for _ = 1, 5 do draw(0, 1) end
  return draw
end

local function add_policy(t, made)
  if made.kind == "autoscaler" then
    t.autoscaling = { policy = made, min = 1, max = 4, interval = 0.1, cold_start = 0.2 }
  else
    t[policy.kind(made.kind).key] = made
  end
  t.cost = "roofline"                                     -- the loads are chosen for it, whatever fits come to say
  return scenario.new(t)
end

-- Somewhat more than one replica can do, for long: a policy that prefers some lets others wait to the end. It is the
-- last load, after the random ones.
local function stream(made)
  local replicas = made.kind == "router" and 2 or 1
  return add_policy({
    model = "meta-llama/Llama-3.1-8B-Instruct", hardware = "h100-sxm", seed = 1, replicas = replicas,
    workload = { kind = "poisson", rate = 45 * replicas, count = 600 * replicas,
                 prompt = { kind = "uniform", low = 1, high = 400 },
                 output = { kind = "uniform", low = 5, high = 60 },
                 priority = { kind = "uniform", low = 0, high = 3 } },
    engine = { max_num_seqs = 8, max_num_batched_tokens = 264, max_model_len = 600 },
  }, made)
end

-- A small deployment with little memory, a burst or a stream of requests, some of whom leave early or ask for what was
-- asked before.
local function random_scenario(draw, made, number)
  local seqs, block = draw(1, 24), ({ 1, 4, 16 })[draw(1, 3)]
  local prompt, output = draw(20, 400), draw(5, 120)
  local workload = {
    kind = draw(1, 3) == 1 and "batch" or "poisson", count = draw(30, 120),
    prompt = { kind = "uniform", low = 1, high = prompt }, output = { kind = "uniform", low = 1, high = output },
    priority = { kind = "uniform", low = 0, high = 3 },
  }
  if workload.kind == "poisson" then workload.rate = draw(20, 400) end
  if draw(1, 3) == 1 then workload.timeout = draw(1, 30) / 10 end
  if draw(1, 3) == 1 or made.kind == "eviction" then workload.prompt_pool = draw(2, 12) end
  local t = {
    model = "meta-llama/Llama-3.1-8B-Instruct", hardware = "h100-sxm", seed = number, workload = workload,
    replicas = draw(made.kind == "router" and 2 or 1, 3), preemption = draw(1, 3) == 1 and "swap" or "recompute",
    slo = { ttft = 1.0, e2e = 10.0 },
    engine = {
      max_num_seqs = seqs, max_num_batched_tokens = seqs + draw(0, 500), max_model_len = 600, block_size = block,
      num_gpu_blocks_override = (600 + draw(0, 3000)) // block + 1,
    },
  }
  return add_policy(t, made)
end

local function fingerprint(raw)
  local list = { raw.now, raw.tokens.output, raw.requests.successful, raw.requests.timed_out, raw.steps }
  for _, replica in ipairs(raw.replicas) do list[#list + 1] = replica.busy_s end
  for i, v in ipairs(list) do list[i] = ("%.17g"):format(v) end
  return table.concat(list, " ")
end

local function fault(report, number, what)
  report.faults[#report.faults + 1] = { load = number, what = what }
end

-- What a finished run says about the laws.
local function judge(report, number, raw)
  local r = raw.requests
  local ended = r.successful + r.failed + r.rejected + r.timed_out + r.cancelled
  if ended ~= r.total then
    fault(report, number, ("%d of %d requests have no end: forgotten"):format(r.total - ended, r.total))
  end
  for i, replica in ipairs(raw.replicas) do
    if replica.kv_peak > 1 then
      fault(report, number, ("replica %d: more KV blocks in use than there are"):format(i))
    end
  end
end

local function worst_wait(raw)
  local queue = raw.latency.queue
  return queue:count() > 0 and queue:quantile(1) / 1e9 or 0
end

-- Simulate; nil and what is wrong where that fails.
local function try(s, options)
  local ok, raw = pcall(planning.simulate, planning.plan(s), options)
  if not ok then return nil, scenario.first_line(raw) end
  if not raw.complete then error("interrupted", 0) end
  return raw
end

local function without_policy(s)
  local base = s:copy()
  for _, k in ipairs(policy.KINDS) do base[k.key:match("^%w+")] = nil end
  return base
end

local function run_load(report, s, number)
  local raw, why = try(s)
  if not raw then return fault(report, number, why) end
  judge(report, number, raw)
  report.steps, report.requests = report.steps + raw.steps, report.requests + raw.requests.total
  report.rejected = report.rejected + raw.requests.rejected
  local wait, usual = worst_wait(raw), worst_wait(assert(try(without_policy(s))))
  if wait - usual > report.starved.wait - report.starved.usual then
    report.starved = { wait = wait, usual = usual, load = number }
  end
  local mean = wait > 0 and raw.latency.queue:mean() / 1e9 or 0
  if wait - usual > 0.5 and wait > 3 * usual and wait > STARVED * mean then
    local worst = report.starvation
    if not worst or wait > worst.wait then report.starvation = { wait = wait, mean = mean, load = number } end
  end
  local stepped = try(s, { runs = false })
  if not stepped or fingerprint(stepped) ~= fingerprint(raw) then
    fault(report, number, "steps taken one by one give another result; a policy that counts its calls needs every_step")
  end
end

-- ns per step of a policy, at 64 sequences that decode, so that nearly all steps are alike.
local function cost_of(made, every)
  local t = { model = "meta-llama/Llama-3.1-8B-Instruct", hardware = "h100-sxm", engine = { max_num_seqs = 64 },
              workload = { kind = "batch", count = 64, prompt = 100, output = 4000 }, batching = made }
  local best = math.huge
  for _ = 1, 5 do
    local plan = planning.plan(scenario.new(t))
    if every then
      local own = {}
      for k, v in pairs(plan.spec.batching) do own[k] = v end
      own.every_step = true
      plan.spec.batching = policy.derived(own, plan.spec.batching)
    end
    local start = os.clock()                            -- CPU time: what else runs here matters little
    local raw = planning.simulate(plan, { runs = false })
    best = math.min(best, (os.clock() - start) / raw.steps)
  end
  return 1e9 * best
end

-- ns per arrival of a router or an admission policy: what a run takes longer than one without it.
local function cost_of_calls(made)
  local t = { model = "meta-llama/Llama-3.1-8B-Instruct", hardware = "h100-sxm", replicas = 4,
              engine = { enable_prefix_caching = false },
              workload = { kind = "poisson", rate = 2000, count = 4000, prompt = 1, output = 1 } }
  local with, without = add_policy(t, made), scenario.new(t)
  without[policy.kind(made.kind).key] = nil
  local best = { math.huge, math.huge }
  for _ = 1, 5 do
    for i, s in ipairs { with, without } do
      local plan = planning.plan(s)
      local start = os.clock()
      planning.simulate(plan)
      best[i] = math.min(best[i], os.clock() - start)
    end
  end
  return math.max(0, 1e9 * (best[1] - best[2]) / 4000)
end

--- Check a policy.
-- @param file its path, or the name of one that comes with oracle
-- @param options { seed =, loads = how many, progress =, timing = false for no ns per step,
--   stopped = function() -> true once the user wants it to end, which raises }
-- @return { name =, kind =, good =, faults = { { load =, what = } }, loads =, steps =, requests =, rejected =,
--   starved = { wait =, usual = s, load = }, the longest wait; starvation = { wait =, mean = s, load = } or nil;
--   ns =, c_ns = per step, every step asked, of batching policies; call_ns = per arrival, of routers and admission }
function check.run(file, options)
  local function find(path)
    return paths.find(path, nil, true)
  end
  local made, why
  for _, k in ipairs(policy.KINDS) do
    local ok, found = pcall(policy.resolve, k.kind, file, find)
    if ok then made = found break end
    local text = tostring(found)
    if not why or not text:find("of kind", 1, true) and not text:find("unknown policy", 1, true) then
      why = why or found
    end
  end
  if not made then error(scenario.first_line(why), 0) end
  local report = { name = made.name or file, kind = made.kind, faults = {}, loads = options.loads or LOADS, steps = 0,
                   requests = 0, rejected = 0, starved = { wait = 0, usual = 0 } }
  local draw = generator(options.seed or 1)
  local loads = report.loads
  report.random = loads
  for number = 1, loads + 1 do
    run_load(report, number > loads and stream(made) or random_scenario(draw, made, number), number)
    if options.progress then options.progress(0, 0, number, loads + 1) end
    if options.stopped and options.stopped() then error("interrupted", 0) end
    report.loads = math.min(number, loads)
    if #report.faults >= FAULTS then break end            -- the rest would say the same
  end
  if #report.faults == 0 and options.timing ~= false then
    if made.kind == "batching" then
      report.ns, report.c_ns = cost_of(made, true), cost_of(nil, false)
    elseif made.kind == "router" or made.kind == "admission" then
      local ok, ns = pcall(cost_of_calls, made)
      if not ok then fault(report, loads + 2, scenario.first_line(ns)) end
      report.call_ns = ok and ns or nil
    end
  end
  report.good = #report.faults == 0
  return report
end

local function line(label, text)
  return ("%-22s %s\n"):format(label, text)
end

local function place(report, number)
  if number > report.random + 1 then return "a run of many requests" end
  return number > report.random and "a long stream" or ("load %d"):format(number)
end

--- The report for people.
function check.text(report)
  local out = { line("policy", ("%s (%s)"):format(report.name, report.kind)),
                line("random loads", ("%d, %d requests, %d steps"):format(report.loads, report.requests,
                  report.steps)) }
  if report.rejected > 0 then out[#out + 1] = line("rejected", ("%d requests"):format(report.rejected)) end
  local starved = report.starved
  if starved.load then
    out[#out + 1] = line("longest wait", ("%.2f s in %s, %.2f s under first come first served"):format(
      starved.wait, place(report, starved.load), starved.usual))
  end
  local starvation = report.starvation
  out[#out + 1] = line("starvation", starvation and ("somebody waited %.2f s in %s, %.2f s on average"):format(
    starvation.wait, place(report, starvation.load), starvation.mean) or "none seen")
  if report.ns then
    out[#out + 1] = line("ns per step", ("%.0f asked every step, at 64 sequences; the same in C: %.0f"):format(
      report.ns, report.c_ns))
  end
  if report.call_ns then out[#out + 1] = line("ns per arrival", ("%.0f"):format(report.call_ns)) end
  for i, f in ipairs(report.faults) do
    if i <= 10 then out[#out + 1] = line("FAULT in " .. place(report, f.load), f.what) end
  end
  out[#out + 1] = line("laws", report.good and "kept" or
    ("broken in %d place%s"):format(#report.faults, #report.faults > 1 and "s" or ""))
  return table.concat(out)
end

return check
