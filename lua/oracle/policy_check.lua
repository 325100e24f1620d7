--- A policy against the laws of serving, under random small deployments and loads: nobody is forgotten, no step goes
-- over its budgets, every step makes progress, the same seed gives the same result with and without runs of steps.
local experiment = require "oracle.experiment"
local policy = require "oracle.policy"
local scenario = require "oracle.scenario"

local check = {}

local LOADS, FAULTS = 20, 3

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

local KEY_OF = { batching = "batching", router = "router", admission = "admission", autoscaler = "autoscaling",
                 eviction = "eviction" }

-- A small deployment with little memory, a burst or a stream of requests, some of whom leave early.
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
  local t = {
    model = "meta-llama/Llama-3.1-8B-Instruct", hardware = "h100-sxm", seed = number, workload = workload,
    replicas = draw(1, 3), preemption = draw(1, 3) == 1 and "swap" or "recompute",
    slo = { ttft = 1.0, e2e = 10.0 },
    engine = {
      max_num_seqs = seqs, max_num_batched_tokens = seqs + draw(0, 500), max_model_len = 600, block_size = block,
      num_gpu_blocks_override = (600 + draw(0, 3000)) // block + 1,
    },
  }
  if made.kind == "autoscaler" then
    t.autoscaling = { policy = made, min = 1, max = 4, interval = 0.5, cold_start = 0.2 }
  else
    t[KEY_OF[made.kind]] = made
  end
  return scenario.new(t)
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
  local queue = raw.latency.queue_time_ms
  return queue:count() > 0 and queue:quantile(1) / 1e9 or 0
end

local function run_load(report, draw, made, number)
  local s = random_scenario(draw, made, number)
  local plan = experiment.plan(s)
  local ok, raw = pcall(experiment.simulate, plan)
  if not ok then
    local why = scenario.first_line(raw)
    report.stuck = report.stuck or why:find("makes no progress", 1, true) ~= nil
    return fault(report, number, why)
  end
  judge(report, number, raw)
  report.steps, report.requests = report.steps + raw.steps, report.requests + raw.requests.total
  report.rejected = report.rejected + raw.requests.rejected
  local base = s:copy()
  for _, key in pairs(KEY_OF) do base[key] = nil end
  local fair = experiment.simulate(experiment.plan(base))
  local wait, usual = worst_wait(raw), worst_wait(fair)
  if wait - usual > report.starved.wait - report.starved.usual then
    report.starved = { wait = wait, usual = usual, load = number }
  end
  local good, stepped = pcall(experiment.simulate, experiment.plan(s), { runs = false })
  if not good or fingerprint(stepped) ~= fingerprint(raw) then
    fault(report, number, "steps taken one by one give another result; a policy that counts its calls needs every_step")
  end
end

-- ns per step of a policy, at 64 sequences that decode, so that nearly all steps are alike.
local function cost_of(made, every)
  local t = { model = "meta-llama/Llama-3.1-8B-Instruct", hardware = "h100-sxm", engine = { max_num_seqs = 64 },
              workload = { kind = "batch", count = 64, prompt = 100, output = 4000 }, batching = made }
  local best = math.huge
  for _ = 1, 5 do
    local plan = experiment.plan(scenario.new(t))
    if every then
      local own = {}
      for k, v in pairs(plan.spec.batching) do own[k] = v end
      own.every_step = true
      plan.spec.batching = policy.derived(own, plan.spec.batching)
    end
    local start = os.clock()                            -- CPU time: what else runs here matters little
    local raw = experiment.simulate(plan, { runs = false })
    best = math.min(best, (os.clock() - start) / raw.steps)
  end
  return 1e9 * best
end

--- Check a policy.
-- @param file its path, or the name of one that comes with oracle
-- @param options { seed =, loads = how many, progress =, timing = false for no ns per step }
-- @return { name =, kind =, good =, faults = { { load =, what = } }, loads =, steps =, requests =, rejected =,
--   starved = { wait =, usual = s, load = }, ns =, c_ns = per step, every step asked, of batching policies }
function check.run(file, options)
  local function find(path)
    return require("oracle.home").find(path, nil, true)
  end
  local made, why
  for _, kind in ipairs { "batching", "router", "admission", "autoscaler", "eviction" } do
    local ok, found = pcall(policy.resolve, kind, file, find)
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
  for number = 1, report.loads do
    run_load(report, draw, made, number)
    if options.progress then options.progress(0, 0, number, report.loads) end
    if #report.faults >= FAULTS then
      report.loads = number                               -- the rest would say the same
      break
    end
  end
  report.good = #report.faults == 0
  if made.kind == "batching" and report.good and options.timing ~= false then
    report.ns = cost_of(made, true)
    report.c_ns = cost_of(nil, false)
  end
  return report
end

local function line(label, text)
  return ("%-24s %s\n"):format(label, text)
end

--- The report for people.
function check.text(report)
  local out = { line("policy", ("%s (%s)"):format(report.name, report.kind)),
                line("random loads", ("%d, %d requests, %d steps"):format(report.loads, report.requests,
                  report.steps)) }
  if report.rejected > 0 then out[#out + 1] = line("rejected", ("%d requests"):format(report.rejected)) end
  local starved = report.starved
  if starved.load then
    out[#out + 1] = line("longest wait", ("%.2f s in load %d, %.2f s under first come first served"):format(
      starved.wait, starved.load, starved.usual))
  end
  if report.ns then
    out[#out + 1] = line("ns per step", ("%.0f asked every step, at 64 sequences; the same in C: %.0f"):format(
      report.ns, report.c_ns))
  end
  for i, f in ipairs(report.faults) do
    if i <= 10 then out[#out + 1] = line(("FAULT in load %d"):format(f.load), f.what) end
  end
  out[#out + 1] = line("laws", report.good and "kept" or ("broken in %d places"):format(#report.faults))
  return table.concat(out)
end

return check
