--- The report of a run as a document (oracle.result.html).
local figure = require "oracle.text.figure"
local metrics = require "oracle.scenario.metrics"
local ordered = require "oracle.text.ordered"
local pictures = require "oracle.result.pictures"
local time_split = require "oracle.result.time_split"
local units = require "oracle.text.units"
local version = require "oracle.version"

local run_page = {}

local NONE = figure.NONE

--- What a run is asked for beside its result, so that a report of it can be drawn: oracle.plan's spec.
-- @param window { from, to } in s, or nil: from the end of the warm-up on
-- @param warm_up s
function run_page.wanted(window, warm_up)
  return { samples = 1024, series_interval = 0.001,
           excerpt = { from = window and window[1] or warm_up, to = window and window[2], sample = 2000, slowest = 200,
                       window = 400 } }
end

--- A part that draws a figure.
function run_page.chart(f, more)
  local part = { kind = "chart", figure = f }
  for k, v in pairs(more or {}) do part[k] = v end
  return part
end

-- ---- the head ----

local function badges_of(s)
  local list = {}
  if not s.oracle.complete then list[1] = { text = "partial run", state = "bad" } end
  if s.throughput.saturated then list[#list + 1] = { text = "overloaded", state = "bad" } end
  if s.slo then
    local met = s.slo.met
    list[#list + 1] = { text = met and "objectives met" or "objectives missed", state = met and "good" or "bad" }
  end
  for _, text in ipairs { "seed " .. s.oracle.seed, s.oracle.lod .. " level of detail", s.deployment.cost_model
      .. (s.deployment.fit and " · fit " .. s.deployment.fit or "") } do
    list[#list + 1] = { text = text }
  end
  return list
end

--- What a reader must know before the figures: that a run is partial, its warnings.
function run_page.notices(s)
  local list = {}
  if not s.oracle.complete then
    list[1] = { state = "bad", text = ("This run was interrupted at %.6g s: what follows is of the part until then.")
      :format(s.simulation.total_duration_s) }
  end
  if s.throughput.saturated then
    local text = "The queue grew to the end: %.4g requests per second were offered, %.4g served. Latencies say how "
      .. "long was simulated."
    list[#list + 1] = { state = "bad", text = text:format(s.throughput.offered_rps or 0,
                                                          s.throughput.requests_per_second or 0) }
  end
  local warnings = s.oracle.warnings
  if #warnings > 0 then list[#list + 1] = { list = table.move(warnings, 1, #warnings, 1, {}) } end
  return list
end

-- ---- the summary ----

local function card(label, value, unit, note, state)
  return { label = label, value = figure.number(value), unit = unit, note = note, state = state }
end

-- "p99 187 ms" and the interval of the mean.
local function latency_card(s, metric)
  local d = s.latency[metric.name]
  if d.count == 0 then return nil end
  local half = s.interval and s.interval[metric.short .. "_pct"]
  local notes = {}
  if half then notes[1] = ("± %.0f %%"):format(half) end
  if d.p99 then notes[#notes + 1] = ("p99 %.4g ms"):format(d.p99) end
  return card("Mean " .. metric.label, d.mean, "ms", table.concat(notes, " · "))
end

local function value(s, short)
  return metrics.value(s, metrics.column(short, {}))
end

local function cards_of(s)
  local r, t = s.requests, s.throughput
  local half = s.interval and s.interval.throughput_pct
  local list = {
    card("Requests served", r.successful, nil,
         r.total > r.successful and ("of %s"):format(units.thousands(r.total)) or nil),
    card("Request throughput", t.requests_per_second, "req/s", t.offered_rps and ("%.4g offered"):format(t.offered_rps),
      t.saturated and "bad" or nil),
    card("Output throughput", t.output_tokens_per_second, "tok/s", half and ("± %.0f %%"):format(half) or nil),
  }
  if t.goodput_rps then list[#list + 1] = card("Goodput", t.goodput_rps, "req/s") end
  for _, metric in ipairs(metrics.LATENCIES) do list[#list + 1] = latency_card(s, metric) end
  list[#list + 1] = card("GPU busy", value(s, "gpu_busy"), "%",
                         ("%d × %s"):format(s.deployment.gpus, s.deployment.hardware))
  list[#list + 1] = card("Peak KV cache", value(s, "kv.peak"), "%", ("mean %.3g %%"):format(value(s, "kv.mean") or 0))
  if s.prefix_caching then list[#list + 1] = card("Prefix cache hits", value(s, "hit_rate"), "%") end
  if s.preemptions.count > 0 then list[#list + 1] = card("Preemptions", s.preemptions.count) end
  if s.cost.usd_per_million_output_tokens then
    list[#list + 1] = card("Price", s.cost.usd_per_million_output_tokens, "USD per Mtok",
      ("%.4g USD in all"):format(s.cost.usd))
  end
  if s.energy.j_per_output_token then
    list[#list + 1] = card("Energy", s.energy.j_per_output_token, "J per token", ("%.4g kWh"):format(s.energy.kwh))
  end
  return { kind = "cards", items = list }
end

-- The distributions of latency as a table; `named`: of which part they are.
local function latency_table(s)
  local columns, keys, rows = { { name = "" } }, {}, {}
  for _, metric in ipairs(metrics.LATENCIES) do
    local d = s.latency[metric.name]
    if d.count > 0 then
      if #keys == 0 then
        for _, key in ipairs(ordered.keys(d)) do
          if key ~= "count" and key ~= "std" then keys[#keys + 1] = key end
        end
      end
      local row = { metric.title }
      for i, key in ipairs(keys) do row[i + 1] = figure.number(d[key]) end
      rows[#rows + 1] = row
    end
  end
  for i, key in ipairs(keys) do columns[i + 1] = { name = key, unit = "ms" } end
  return { kind = "table", title = "Latencies", columns = columns, rows = rows, named = true, wide = true }
end

local function objectives_table(s)
  local rows = {}
  for i, o in ipairs(s.slo.objectives) do
    rows[i] = { o.objective, figure.number(o.value), o.unit or "", o.met and "met" or "missed" }
  end
  return { kind = "table", title = "Objectives", named = true, wide = true, rows = rows,
           columns = { { name = "objective" }, { name = "value" }, { name = "unit" }, { name = "" } } }
end

-- ---- parts: replicas, pools, profiles ----

local PARTS = { { "successful", "requests", "successful" }, { "requests/s", "throughput", "requests_per_second" },
                { "output tok/s", "throughput", "output_tokens_per_second" } }

local function part_row(name, part)
  local row = { name }
  for i, p in ipairs(PARTS) do row[i + 1] = figure.number(part[p[2]] and part[p[2]][p[3]]) end
  for _, key in ipairs { "time_to_first_token_ms", "time_per_output_token_ms", "end_to_end_latency_ms" } do
    local d = part.latency and part.latency[key]
    row[#row + 1], row[#row + 2] = figure.number(d and d.mean), figure.number(d and d.p99)
  end
  row[#row + 1] = figure.number(part.gpu_busy and 100 * part.gpu_busy)
  row[#row + 1] = figure.number(part.kv_cache and 100 * part.kv_cache.peak_usage)
  return row
end

local function parts_table(title, of)
  local rows = {}
  for _, name in ipairs(ordered.keys(of or {})) do rows[#rows + 1] = part_row(name, of[name]) end
  if #rows < 2 then return nil end
  local columns = { { name = "" } }
  for i, p in ipairs(PARTS) do columns[i + 1] = { name = p[1] } end
  for _, short in ipairs { "TTFT", "TPOT", "E2E" } do
    for _, statistic in ipairs { "mean", "p99" } do
      columns[#columns + 1] = { name = short .. " " .. statistic, unit = "ms" }
    end
  end
  columns[#columns + 1], columns[#columns + 2] = { name = "GPU busy", unit = "%" }, { name = "KV peak", unit = "%" }
  return { kind = "table", title = title, columns = columns, rows = rows, named = true, wide = true, sortable = true }
end

local function events_table(s)
  local rows = {}
  for _, kind in ipairs { "failures", "scaling" } do
    for _, e in ipairs(type(s[kind]) == "table" and s[kind].events or {}) do
      rows[#rows + 1] = { figure.number(e.t), e.replica, e.what, kind }
    end
  end
  if #rows == 0 then return nil end
  table.sort(rows, function(a, b)
    if a[1] ~= b[1] then return a[1] < b[1] end
    return a[2] < b[2]
  end)
  return { kind = "table", title = "Failures and scaling", rows = rows, wide = true, choose = 2,
           columns = { { name = "time", unit = "s" }, { name = "replica" }, { name = "what" }, { name = "kind" } } }
end

-- ---- shares of time ----

local function split_part(title, about, split, names)
  local labels, y = {}, {}
  for _, name in ipairs(names) do
    if (split[name] or 0) > 0 then labels[#labels + 1], y[#y + 1] = name, figure.number(100 * split[name]) end
  end
  if #labels == 0 then return nil end
  return run_page.chart({ kind = "bars", title = title, about = about, x = { labels = labels },
                          y = { unit = "%", zero = true }, series = { { name = "share of the time at work", y = y } } })
end

-- Where the time of the GPUs goes; `oracle why` says it of requests.
local function split_parts(s)
  local split = s.time_split
  return {
    split_part("What GPUs work on",
      "Shares of the time that they work; oracle why lays the latency of requests to its parts.",
      split, time_split.ITEMS),
    split_part("What binds them", "The same time by what bound it.", split.bound_by, time_split.BOUND),
  }
end


-- ---- requests ----

local function ms(from, to)
  return figure.number(from and to and 1e3 * (to - from) or nil)
end

local function requests_table(raw)
  local x, rows = raw.excerpt, {}
  for i = 1, #x.number do
    local first, last, out = x.first_token[i], x.completion[i], x.output[i]
    rows[i] = { "req_" .. x.number[i], figure.number(x.arrival[i]), x.prompt[i], out, x.cached[i],
                ms(x.arrival[i], x.scheduled[i]), ms(x.arrival[i], first),
                first and last and out > 1 and figure.number(1e3 * (last - first) / (out - 1)) or NONE,
                ms(x.arrival[i], last), x.preemptions[i], x.replica[i] < 0 and NONE or x.replica[i],
                x.profile[i], x.status[i] }
  end
  local shown = #rows < x.seen
    and ("%s of %s requests: a sample, the slowest, and those of the window; --csv writes every "
    .. "one."):format(units.thousands(#rows), units.thousands(x.seen)) or "Every request."
  return { kind = "table", title = "Requests", about = shown, rows = rows, named = true, wide = true,
           choose = 12, columns = {
             { name = "request" }, { name = "arrival", unit = "s" }, { name = "prompt", unit = "tok" },
             { name = "output", unit = "tok" }, { name = "cached", unit = "tok" }, { name = "queue", unit = "ms" },
             { name = "TTFT", unit = "ms" }, { name = "TPOT", unit = "ms" }, { name = "E2E", unit = "ms" },
             { name = "preemptions" }, { name = "replica" }, { name = "profile" }, { name = "status" } } }
end

-- ---- the deployment ----

local function settings_table(s)
  local rows = {}
  for _, key in ipairs(ordered.keys(s.deployment)) do
    local v = s.deployment[key]
    if type(v) == "number" then
      rows[#rows + 1] = { key, figure.number(v) }
    elseif type(v) ~= "table" and v ~= nil then
      rows[#rows + 1] = { key, tostring(v) }
    end
  end
  return { kind = "table", title = "Deployment", columns = { { name = "" }, { name = "" } }, rows = rows, named = true }
end

local function simulation_table(s)
  local rows = {}
  for _, key in ipairs(ordered.keys(s.simulation)) do rows[#rows + 1] = { key, figure.number(s.simulation[key]) } end
  return { kind = "table", title = "Simulation", columns = { { name = "" }, { name = "" } }, rows = rows, named = true }
end

-- Add what there is.
local function add(list, part)
  if part then list[#list + 1] = part end
end

local function section(id, title, parts, about)
  return #parts > 0 and { id = id, title = title, parts = parts, about = about } or nil
end

local function sections_of(s, raw)
  local chart, out = run_page.chart, {}
  local summary = { cards_of(s) }
  if s.slo then add(summary, objectives_table(s)) end
  add(out, section("summary", "Summary", summary))
  local latency = {}
  local requests, tokens = pictures.distributions(raw)
  add(latency, requests and chart(requests))
  add(latency, tokens and chart(tokens))
  for _, f in ipairs(pictures.histograms(raw)) do add(latency, chart(f)) end
  add(latency, latency_table(s))
  add(out, section("latency", "Latency", latency))
  local time = {}
  for _, f in ipairs(pictures.timelines(raw, s)) do add(time, chart(f)) end
  add(time, events_table(s))
  add(out, section("time", "Over time", time, "Drag over a part of a chart to look closer; all of them follow."))
  local why = {}
  if s.time_split then why = split_parts(s) end
  add(out, section("why", "Why", why))
  local own = {}
  local scatter, gantt = pictures.scatter(raw), pictures.gantt(raw)
  add(own, gantt and chart(gantt, { wide = true, tall = true }))
  add(own, scatter and chart(scatter, { wide = true }))
  add(own, raw.excerpt and #raw.excerpt.number > 0 and requests_table(raw))
  add(out, section("requests", "Requests", own))
  local parts = {}
  add(parts, parts_table("Pools", s.per_pool))
  add(parts, parts_table("Replicas", s.per_replica))
  add(parts, parts_table("Profiles", s.per_profile))
  add(parts, settings_table(s))
  add(parts, simulation_table(s))
  add(out, section("deployment", "Deployment", parts))
  return out
end

--- What stands at the foot of every page.
function run_page.footer()
  return ("oracle %s · simulated, defaults of vLLM %s · charts: Chart.js (MIT licence, in this file)")
    :format(version.oracle, version.vllm)
end

--- The document of a run.
-- @param s its summary
-- @param raw the engine's result, with what run_page.wanted asks for
function run_page.document(s, raw)
  local d = s.deployment
  local name = s.name or ("%s on %d × %s"):format(d.model:match "([^/]*)$", d.gpus, d.hardware)
  return {
    title = name, badges = badges_of(s), notices = run_page.notices(s), footer = run_page.footer(),
    subtitle = ("%s · %s · %s replica%s · %s requests in %.6g s"):format(d.model, d.hardware, d.replicas,
      d.replicas == 1 and "" or "s", units.thousands(s.requests.total), s.simulation.total_duration_s),
    sections = sections_of(s, raw),
  }
end

return run_page
