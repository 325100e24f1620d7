--- What a plan found, for people and for JSON: the cheapest deployments, the trade-offs, why the others are none, and
-- how the best is started.
local console = require "oracle.text.console"
local lazy = require "oracle.lazy"
local launch = lazy "oracle.study.launch"
local ordered = require "oracle.text.ordered"
local space = require "oracle.study.plan_space"
local units = lazy "oracle.text.units"

local report = {}

local SHOWN, OF_A_FRONT, FAMILIES = 6, 10, 34             -- plans, points and characters of a family's name
local WIDTH = 80

local function dollars(v)
  return v and ("%.2f"):format(v) or "-"
end

-- A candidate of a plan, with its router.
local function name_of(p)
  return space.name(p.candidate) .. (p.router and ", " .. p.router or "")
end

local function table_of(found)
  local heads = { "deployment", "units", "GPUs", "USD/h", "USD/Mtok", { name = "TTFT p99", unit = "ms" },
                  { name = "TPOT", unit = "ms" } }
  local rows = {}
  for i, p in ipairs(found.plans) do
    if i > SHOWN then break end
    rows[i] = { name_of(p), p.units, p.gpus, dollars(p.usd), dollars(p.mean "cost_per_million"),
                ("%.0f"):format(p.mean "ttft.p99" or 0), ("%.1f"):format(p.mean "tpot.mean" or 0) }
  end
  return console.table(heads, rows)
end

local function front(list, heads, row)
  local rows, n = {}, math.min(#list, OF_A_FRONT)
  for k = 1, n do rows[k] = row(list[n == 1 and 1 or 1 + (k - 1) * (#list - 1) // (n - 1)]) end
  heads[#heads + 1] = ""
  return console.table(heads, rows)
end

local function met(p)
  return p.met and "*" or ""
end

-- "  family   reason", the reason in as many lines as it takes.
local function reasons(list)
  local out = {}
  for _, w in ipairs(list) do
    local line, indent = ("  %-" .. FAMILIES .. "s"):format(w.family), (" "):rep(FAMILIES + 2)
    for word in (w.why or "-"):gsub(" the best plan's$", ""):gmatch "%S+" do
      if #line + 1 + #word > WIDTH then
        out[#out + 1], line = line, indent
      end
      line = line .. " " .. word
    end
    out[#out + 1] = line
  end
  return table.concat(out, "\n") .. "\n"
end

local function counts(found)
  return ("%s deployments: %s do not fit, %s are out by what their steps allow at most,\n%s simulated in %s runs\n")
    :format(units.thousands(found.visited), units.thousands(found.unfit), units.thousands(found.bounded),
      units.thousands(found.simulated), units.thousands(found.runs))
end

local function objectives_text(found)
  local texts = {}
  for i, o in ipairs(found.objectives or {}) do texts[i] = o.text end
  return table.concat(texts, ", ")
end

--- The answer in a line.
function report.answer(found)
  local best = found.plans[1]
  if best then
    return ("plan: %s, %d of it: %d %s%s"):format(name_of(best), best.units, best.gpus,
      best.gpus == 1 and "GPU" or "GPUs",
      best.usd and (", %s USD/h"):format(dollars(best.usd)) or "")
  end
  local near = found.nearest
  local most = found.work.max_gpus == 1 and "1 GPU" or ("%d GPUs"):format(found.work.max_gpus)
  local what = found.objectives and ("no deployment of at most %s meets %s"):format(most, objectives_text(found))
    or ("the model fits in none of at most %s"):format(most)
  return ("plan: %s; nearest %s: %s"):format(what, near.name, near.why)
end

-- Both trade-offs, where any unit was run.
local function trade_offs(found)
  local out = {}
  if #found.speed > 0 then
    out[1] = "\nthroughput against speed, of one unit (no other has more of both; * meets the\nobjectives):\n"
    out[2] = front(found.speed, { { name = "tok/s/GPU" }, { name = "/user" }, "deployment" }, function(p)
      return { ("%.0f"):format(p.gpu), ("%.1f"):format(p.user), p.name, met(p) }
    end)
  end
  if #found.cost > 0 then
    out[#out + 1] = "\nprice against latency, of one unit (* meets the objectives):\n"
    out[#out + 1] = front(found.cost, { { name = "USD/Mtok" }, { name = "E2E p99", unit = "s" }, "deployment" },
      function(p) return { dollars(p.usd), ("%.2f"):format(p.p99 / 1e3), p.name, met(p) } end)
  end
  return table.concat(out)
end

--- The plan as text.
function report.text(found)
  local out = { report.answer(found), "\n", counts(found) }
  if #found.plans > 0 then
    out[#out + 1] = ("\nthe cheapest that meet %s:\n"):format(objectives_text(found))
    out[#out + 1] = table_of(found)
  end
  out[#out + 1] = trade_offs(found)
  if #found.why_not > 0 then
    out[#out + 1] = "\nwhy not (times: of the best plan's cost):\n" .. reasons(found.why_not)
  end
  if #found.plans > 0 then out[#out + 1] = "\n" .. launch.text(found, found.plans[1]) end
  return table.concat(out)
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

local function others(found, p)
  local list = {}
  for _, name in ipairs(launch.systems()) do list[#list + 1] = { name, launch.commands(found, p, name) } end
  return ordered.object(list)
end

local function plan_object(found, p)
  local c = p.candidate
  return ordered.object {
    { "deployment", space.name(c) }, { "hardware", c.gpu }, { "units", p.units }, { "router", p.router },
    { "gpus", p.gpus },
    { "usd_per_hour", p.usd }, { "usd_per_million_output_tokens", p.mean "cost_per_million" },
    { "output_tokens_per_second", p.mean "output_throughput" }, { "requests_per_second", p.mean "throughput" },
    { "tpot_ms", p.mean "tpot.mean" }, { "ttft_p99_ms", p.mean "ttft.p99" }, { "e2e_p99_ms", p.mean "e2e.p99" },
    { "objectives", values_of(found, p) }, { "launch", launch.commands(found, p) }, { "launch_with", others(found, p) },
    { "scenario", launch.scenario(found, p) },
  }
end

--- The plan for JSON.
function report.object(found)
  local plans, speed, cost, why = {}, {}, {}, {}
  for i, p in ipairs(found.plans) do plans[i] = plan_object(found, p) end
  for i, p in ipairs(found.speed) do
    speed[i] = ordered.object { { "deployment", p.name }, { "tokens_per_second_per_gpu", p.gpu },
                                { "tokens_per_second_per_user", p.user }, { "met", p.met } }
  end
  for i, p in ipairs(found.cost) do
    cost[i] = ordered.object { { "deployment", p.name }, { "usd_per_million_output_tokens", p.usd },
                               { "e2e_p99_ms", p.p99 }, { "met", p.met } }
  end
  for i, w in ipairs(found.why_not) do
    why[i] = ordered.object { { "family", w.family }, { "why", w.why }, { "nearest", w.nearest },
                              { "candidates", w.candidates } }
  end
  local near = found.nearest
  return ordered.object {
    { "visited", found.visited }, { "unfit", found.unfit }, { "bounded", found.bounded },
    { "simulated", found.simulated }, { "runs", found.runs }, { "found", #found.plans > 0 },
    { "answer", report.answer(found) },
    { "nearest", near and ordered.object { { "deployment", near.name }, { "gpus", near.gpus }, { "why", near.why } } },
    { "plans", ordered.array(plans) },
    { "pareto", ordered.object { { "throughput_speed", ordered.array(speed) },
                                 { "price_latency", ordered.array(cost) } } },
    { "why_not", ordered.array(why) },
  }
end

return report
