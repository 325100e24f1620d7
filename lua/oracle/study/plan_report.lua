--- What a plan found, for people and for JSON: the cheapest deployments, the trade-offs, why the others are none, and
-- how the best is started.
local console = require "oracle.text.console"
local lazy = require "oracle.lazy"
local launch = lazy "oracle.study.launch"
local ordered = require "oracle.text.ordered"
local space = require "oracle.study.plan_space"

local report = {}

local SHOWN = 6

local function dollars(v)
  return v and ("%.2f"):format(v) or "-"
end

local function table_of(found)
  local heads = { "", "deployment", "units", "GPUs", "USD/h", { name = "USD/Mtok" }, { name = "TTFT p99", unit = "ms" },
                  { name = "TPOT", unit = "ms" } }
  local rows = {}
  for i, p in ipairs(found.plans) do
    if i > SHOWN then break end
    rows[i] = { i, space.name(p.candidate), p.units, p.gpus, dollars(p.usd), dollars(p.mean "cost_per_million"),
                ("%.0f"):format(p.mean "ttft.p99" or 0), ("%.1f"):format(p.mean "tpot.mean" or 0) }
  end
  return console.table(heads, rows)
end

local function front(list, heads, row)
  local rows = {}
  local step = math.max(1, #list // 10)
  for i = 1, #list, step do rows[#rows + 1] = row(list[i]) end
  return console.table(heads, rows)
end

-- Why there is no plan, and what comes closest.
local function without(found)
  if found.none then return ("no deployment fits: %s\n"):format(found.none) end
  local out = { "no deployment meets the objectives within so many GPUs\n\nwhy not:\n" }
  for _, w in ipairs(found.why_not) do out[#out + 1] = ("  %-40s %s\n"):format(w.family, w.why or "-") end
  return table.concat(out)
end

--- The plan as text.
function report.text(found)
  if #found.plans == 0 then return without(found) end
  local best = found.plans[1]
  local out = { ("%d deployments looked at, %d of them simulated; the cheapest that meets "):format(found.visited,
    found.simulated) }
  local texts = {}
  for i, o in ipairs(found.objectives) do texts[i] = o.text end
  out[#out + 1] = table.concat(texts, ", ") .. ":\n\n" .. table_of(found)
  out[#out + 1] = "\nthroughput against speed, of one unit (no other has more of both):\n"
  out[#out + 1] = front(found.speed, { { name = "tok/s per GPU" }, { name = "tok/s per user" }, "deployment" },
    function(p) return { ("%.0f"):format(p.gpu), ("%.1f"):format(p.user), p.name } end)
  if #found.cost > 0 then
    out[#out + 1] = "\nprice against latency:\n"
    out[#out + 1] = front(found.cost, { { name = "USD/Mtok" }, { name = "E2E p99", unit = "s" }, "deployment" },
      function(p) return { dollars(p.usd), ("%.2f"):format(p.p99 / 1e3), p.name } end)
  end
  out[#out + 1] = "\nwhy not:\n"
  for _, w in ipairs(found.why_not) do out[#out + 1] = ("  %-40s %s\n"):format(w.family, w.why or "-") end
  return console.narrow(table.concat(out)) .. "\n" .. launch.text(found, best)
end

local function values_of(found, p)
  local list = {}
  for v, o in ipairs(found.objectives) do
    local sum, n = 0, 0
    for _, m in ipairs(p.result.seeds) do
      if m.values[v] then sum, n = sum + m.values[v], n + 1 end
    end
    list[v] = ordered.object { { "objective", o.text }, { "value", n > 0 and sum / n or nil },
                               { "unit", o.column.unit } }
  end
  return ordered.array(list)
end

local function plan_object(found, p)
  local c = p.candidate
  return ordered.object {
    { "deployment", space.name(c) }, { "hardware", c.gpu }, { "units", p.units }, { "gpus", p.gpus },
    { "usd_per_hour", p.usd }, { "usd_per_million_output_tokens", p.mean "cost_per_million" },
    { "output_tokens_per_second", p.mean "output_throughput" }, { "requests_per_second", p.mean "throughput" },
    { "tpot_ms", p.mean "tpot.mean" }, { "ttft_p99_ms", p.mean "ttft.p99" }, { "e2e_p99_ms", p.mean "e2e.p99" },
    { "objectives", values_of(found, p) }, { "launch", launch.commands(found, p) },
    { "scenario", launch.scenario(found, p) },
  }
end

--- The plan for JSON.
function report.object(found)
  local plans, speed, cost, why = {}, {}, {}, {}
  for i, p in ipairs(found.plans) do plans[i] = plan_object(found, p) end
  for i, p in ipairs(found.speed or {}) do
    speed[i] = ordered.object { { "deployment", p.name }, { "tokens_per_second_per_gpu", p.gpu },
                                { "tokens_per_second_per_user", p.user } }
  end
  for i, p in ipairs(found.cost or {}) do
    cost[i] = ordered.object { { "deployment", p.name }, { "usd_per_million_output_tokens", p.usd },
                               { "e2e_p99_ms", p.p99 } }
  end
  for i, w in ipairs(found.why_not) do
    why[i] = ordered.object { { "family", w.family }, { "why", w.why }, { "candidates", w.candidates } }
  end
  return ordered.object {
    { "visited", found.visited }, { "simulated", found.simulated }, { "found", #found.plans > 0 },
    { "plans", ordered.array(plans) },
    { "pareto", ordered.object { { "throughput_speed", ordered.array(speed) },
                                 { "price_latency", ordered.array(cost) } } },
    { "why_not", ordered.array(why) },
  }
end

return report
