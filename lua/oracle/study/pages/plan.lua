--- Pictures of a plan: the trade-offs that no other deployment beats in both, the cheapest, and why not the others.
local figure = require "oracle.text.figure"
local run_page = require "oracle.result.run_page"

local plan_page = {}

-- Points of a front, coloured by accelerator, which begins the name of a deployment; and the front as a line.
local function front(list, of)
  local series, by = {}, {}
  for _, p in ipairs(list) do
    local gpu = p.deployment:match "^%S+" or "other"
    local s = by[gpu]
    if not s then
      s = { name = gpu, x = {}, y = {}, names = {}, shape = "points" }
      by[gpu], series[#series + 1] = s, s
    end
    local n = #s.x + 1
    s.x[n], s.y[n], s.names[n] = figure.number(p[of.x]), figure.number(p[of.y]), p.deployment
  end
  if #series == 0 then return nil end
  return { kind = "points", title = of.title, about = of.about, x = of.x_axis, y = of.y_axis, series = series,
           legend = true }
end

--- The figures of a plan. A list.
-- @param o of oracle.study.plan_report's object
function plan_page.figures(o)
  local list = {}
  list[1] = front(o.pareto.throughput_speed, {
    title = "Throughput against speed", x = "tokens_per_second_per_user", y = "tokens_per_second_per_gpu",
    about = "Of one unit of each deployment: no other has more tokens for each GPU and for each user. Up and to the "
      .. "right is better.",
    x_axis = { name = "for each user", unit = "tok/s" },
    y_axis = { name = "for each GPU", unit = "tok/s", zero = true } })
  list[#list + 1] = front(o.pareto.price_latency, {
    title = "Price against latency", x = "e2e_p99_ms", y = "usd_per_million_output_tokens",
    about = "No other deployment is both cheaper and faster. Down and to the left is better.",
    x_axis = { name = "p99 E2E", unit = "ms", log = true, fine = true },
    y_axis = { name = "a million output tokens", unit = "USD", log = true, fine = true } })
  return list
end

local function plans_table(o)
  local rows = {}
  for i, p in ipairs(o.plans) do
    rows[i] = { p.deployment, p.units, p.gpus, figure.number(p.usd_per_hour),
                figure.number(p.usd_per_million_output_tokens),
                figure.number(p.output_tokens_per_second), figure.number(p.ttft_p99_ms), figure.number(p.tpot_ms),
                figure.number(p.e2e_p99_ms) }
  end
  return { kind = "table", title = "The cheapest deployments", rows = rows, named = true, wide = true, sortable = true,
           columns = { { name = "deployment" }, { name = "units" }, { name = "GPUs" }, { name = "USD/h" },
             { name = "USD/Mtok" },
                       { name = "output tok/s" }, { name = "TTFT p99", unit = "ms" }, { name = "TPOT", unit = "ms" },
                       { name = "E2E p99", unit = "ms" } } }
end

local function why_table(o)
  local rows = {}
  for i, w in ipairs(o.why_not) do rows[i] = { w.family, w.why or "", w.candidates or figure.NONE } end
  return { kind = "table", title = "Why not the others", rows = rows, named = true, wide = true,
           columns = { { name = "family" }, { name = "why" }, { name = "candidates" } } }
end

local function cards_of(best)
  return { kind = "cards", items = {
    { label = "The cheapest", value = best.deployment, state = "good" },
    { label = "GPUs", value = best.gpus, note = ("%d unit%s"):format(best.units, best.units == 1 and "" or "s") },
    { label = "Price", value = figure.number(best.usd_per_hour), unit = "USD per hour" },
    { label = "A million output tokens", value = figure.number(best.usd_per_million_output_tokens), unit = "USD" },
    { label = "p99 TTFT", value = figure.number(best.ttft_p99_ms), unit = "ms" },
    { label = "Mean TPOT", value = figure.number(best.tpot_ms), unit = "ms" },
  } }
end

--- The report of a plan.
-- @param title of the model and the load
function plan_page.document(o, title)
  local sections, best = {}, o.plans[1]
  if best then
    local parts = { cards_of(best), plans_table(o) }
    local launch = {}
    for _, text in ipairs(type(best.launch) == "table" and best.launch or {}) do
      launch[#launch + 1] = tostring(text)
    end
    if #launch > 0 then
      parts[#parts + 1] = { kind = "code", title = "How it is started", text = table.concat(launch, "\n"), wide = true }
    end
    if type(best.scenario) == "string" then
      parts[#parts + 1] = { kind = "code", title = "The scenario that runs it again", text = best.scenario,
        wide = true }
    end
    sections[1] = { id = "plans", title = "Plans", parts = parts }
  end
  local charts = {}
  for i, f in ipairs(plan_page.figures(o)) do charts[i] = run_page.chart(f, { tall = true }) end
  if #charts > 0 then sections[#sections + 1] = { id = "fronts", title = "Trade-offs", parts = charts } end
  if #o.why_not > 0 then sections[#sections + 1] = { id = "why-not", title = "Why not", parts = { why_table(o) } } end
  if #sections == 0 then
    sections[1] = { id = "plans", title = "Plans", parts = { { kind = "text", text = "No deployment fits." } } }
  end
  return { title = title, footer = run_page.footer(), sections = sections, notices = {},
           subtitle = ("%d deployments looked at, %d of them simulated"):format(o.visited or 0, o.simulated or 0),
           badges = { { text = best and "found" or "no deployment meets the objectives",
                        state = best and "good" or "bad" } } }
end

return plan_page
