--- The figures of a run: distributions, what happened over time, its requests in a window (oracle.text.figure).
local figure = require "oracle.text.figure"

local pictures = {}

local NS_PER_MS = 1e6
local SHOWN = 8                                           -- replicas with a line each; of more, their mean and range
local TIME = 600                                          -- points of a line over time

-- ---- distributions ----

local function cdfs(raw, title, about, list)
  local series = {}
  for _, one in ipairs(list) do
    local h = raw.latency and raw.latency[one[1]]
    if h and h:count() > 0 then
      series[#series + 1] = figure.cumulative(one[2], function(q) return h:quantile(q) / NS_PER_MS end)
    end
  end
  if #series == 0 then return nil end
  local low, high = math.huge, 0
  for _, s in ipairs(series) do
    for _, v in ipairs(s.x) do
      if v > 0 then low, high = math.min(low, v), math.max(high, v) end
    end
  end
  local log = high > 20 * low                             -- a value of 0 has no place on such an axis
  return { kind = "lines", title = title, about = about,
           x = { name = "latency", unit = "ms", log = log, fine = high < 1e3 * low,
                 min = log and figure.number(low) or nil },
           y = { name = "share of all", unit = "%", min = 0, max = 100, zero = true }, series = series }
end

--- Cumulative distributions of latencies: of requests, and of tokens. Each may be nil.
function pictures.distributions(raw)
  return cdfs(raw, "Latency of requests", "How many of the requests were served within a time: first token, whole "
      .. "answer, time in the queue.", { { "ttft", "TTFT" }, { "e2e", "E2E" }, { "queue", "queue" } }),
    cdfs(raw, "Latency of tokens", "Time per output token of each request, and the gaps between any two tokens.",
      { { "tpot", "TPOT" }, { "itl", "ITL" } })
end

--- Histograms of TTFT and E2E. A list.
function pictures.histograms(raw)
  local list = {}
  for _, one in ipairs { { "ttft", "TTFT" }, { "e2e", "E2E" } } do
    local h = raw.latency and raw.latency[one[1]]
    list[#list + 1] = h and figure.histogram(h, { title = "Histogram of " .. one[2], name = one[2] })
  end
  return list
end

-- ---- over time ----

-- What replicas have in common at each sample: their sum, mean, least and most.
local function over_replicas(raw, key)
  local n = #raw.series.replicas
  local sum, mean, low, high = {}, {}, {}, {}
  for i = 1, #raw.series.time do
    local total, least, most = 0, math.huge, -math.huge
    for _, replica in ipairs(raw.series.replicas) do
      local v = replica[key][i]
      total, least, most = total + v, math.min(least, v), math.max(most, v)
    end
    sum[i], mean[i], low[i], high[i] = total, total / n, least, most
  end
  return { sum = sum, mean = mean, low = low, high = high }
end

-- "replica 2 (decode)": of a pool, where there are several.
local function name_of(s, r)
  local name = ("replica %d"):format(r - 1)
  local of = s.per_replica[("replica%d"):format(r - 1)]
  return of and of.pool and ("%s (%s)"):format(name, of.pool) or name
end

-- A share of each replica, or of many their mean and range.
-- @param of.thinned figure.thin, or figure.means of what is a mean itself
local function share_of_time(raw, s, of)
  local series, n, times = {}, #raw.series.replicas, nil
  local function line(values)
    local t, y = of.thinned(of.most, raw.series.time, values)
    times = figure.numbers(t)
    return figure.numbers(y, 100)
  end
  if n <= SHOWN then
    for r, replica in ipairs(raw.series.replicas) do
      series[r] = { name = n == 1 and of.title or name_of(s, r), shape = n == 1 and "area" or nil,
                    y = line(replica[of.key]) }
    end
  else
    local all = over_replicas(raw, of.key)
    series[1] = { name = ("mean of %d replicas, and their range"):format(n), y = line(all.mean), low = line(all.low),
                  high = line(all.high) }
  end
  local high = 0
  for _, one in ipairs(series) do
    for _, v in ipairs(one.high or one.y) do high = math.max(high, v) end
  end
  return { kind = "lines", title = of.title, about = of.about, link = "time", zoom = true,
           x = { name = "time", unit = "s", time = true, min = 0, max = figure.number(raw.now), values = times },
           y = { unit = "%", min = 0, max = high > 50 and 100 or nil, zero = true }, series = series }
end

-- Requests per second between two samples.
local function rate(time, counts)
  local y = {}
  for i = 1, #time do
    local seconds = time[i] - (time[i - 1] or 0)
    y[i] = seconds > 0 and (counts[i] - (counts[i - 1] or 0)) / seconds or 0
  end
  return y
end

local function load_of(raw, times)
  local time, came, ended = figure.thin(TIME // 6, raw.series.time, raw.series.arrived, raw.series.ended)
  local x = { name = times.name, unit = times.unit, time = true, min = times.min, max = times.max,
              values = figure.numbers(time) }
  return { kind = "lines", title = "Load", about = "Requests that came in and that ended, each second.", link = "time",
           zoom = true, x = x, y = { unit = "req/s", zero = true },
           series = { { name = "arrived", y = figure.numbers(rate(time, came)) },
                      { name = "ended", y = figure.numbers(rate(time, ended)) } } }
end

local function requests_of(raw, times)
  local _, waiting, running = figure.thin(TIME, raw.series.time, over_replicas(raw, "waiting").sum,
    over_replicas(raw, "running").sum)
  return { kind = "lines", title = "Requests", about = "Requests in the queues of the replicas and in their batches.",
           link = "time", zoom = true, x = times, y = { unit = "requests", zero = true },
           series = { { name = "waiting", y = figure.numbers(waiting), shape = "area", colour = "queued" },
                      { name = "running", y = figure.numbers(running), colour = "decode" } } }
end

local function changes(list)
  for i = 2, #list do
    if list[i] ~= list[1] then return true end
  end
  return false
end

-- Failures and scaling as lines across a figure, a few of them.
local MARKS = 40

local function marks_of(s, raw)
  local list = {}
  if s.simulation.warm_up_duration_s > 0 then
    list[1] = { x = s.simulation.warm_up_duration_s, text = "end of warm-up" }
  end
  for _, kind in ipairs { "failures", "scaling" } do
    for _, e in ipairs(type(s[kind]) == "table" and s[kind].events or {}) do
      if #list < MARKS and e.t <= raw.now then
        list[#list + 1] = { x = e.t, text = ("%s %d"):format(e.what, e.replica), bad = e.what == "failed" }
      end
    end
  end
  return list
end

--- What happened over time: load, requests, KV cache, GPUs, and where it changes how many replicas serve. A list; empty
-- without a series.
-- @param s the summary
function pictures.timelines(raw, s)
  if not raw.series or #raw.series.time < 2 then return {} end
  local time = figure.thin(TIME, raw.series.time)
  local times = { name = "time", unit = "s", time = true, min = 0, max = figure.number(raw.now),
                  values = figure.numbers(time) }
  local list = {
    load_of(raw, times), requests_of(raw, times),
    share_of_time(raw, s, { title = "KV cache in use", key = "kv_usage", thinned = figure.thin, most = TIME,
                            about = "Share of the KV blocks that requests hold." }),
    share_of_time(raw, s, { title = "GPU busy", key = "gpu_busy", thinned = figure.means, most = TIME // 5,
                            about = "Share of the time that went into steps." }),
  }
  local marks = marks_of(s, raw)
  if changes(raw.series.ready) or #raw.series.replicas > 1 and #marks > 0 then
    local _, ready = figure.thin(TIME, raw.series.time, raw.series.ready)
    list[#list + 1] = { kind = "lines", title = "Replicas that serve", link = "time", zoom = true, x = times,
                        about = "Those that take requests; failures and scaling are marked.",
                        y = { unit = "replicas", zero = true },
                        series = { { name = "ready", y = figure.numbers(ready), shape = "step" } } }
  end
  for _, f in ipairs(list) do f.marks = marks end
  return list
end

-- ---- requests ----

local NONE = figure.NONE
local CLOSE = 40                                          -- requests that a Gantt chart shows at first

local function span(from, to)
  if from and to and to > from then return figure.number(from), figure.number(to) end
  return NONE, NONE
end

--- The requests of the excerpt's window as a Gantt chart: what each waited for and did. nil: there are none.
function pictures.gantt(raw)
  local x = raw.excerpt
  local rows, number = {}, 0
  local queued, prefill, decode = { from = {}, to = {} }, { from = {}, to = {} }, { from = {}, to = {} }
  local first, last, view = math.huge, 0, nil
  for i = 1, x and #x.number or 0 do
    if x.in_window[i] then
      number = number + 1
      rows[number] = "req_" .. x.number[i]
      local ended = x.completion[i] or raw.now
      local began, answered = x.scheduled[i] or ended, x.first_token[i] or ended
      queued.from[number], queued.to[number] = span(x.arrival[i], math.min(began, ended))
      prefill.from[number], prefill.to[number] = span(began, math.min(answered, ended))
      decode.from[number], decode.to[number] = span(answered, ended)
      first, last = math.min(first, x.arrival[i]), math.max(last, ended)
      if number <= CLOSE then view = last end
    end
  end
  if number == 0 or last <= first then return nil end
  if first < 0.05 * (last - first) then first = 0 end
  return { kind = "spans", title = "Requests of a window, one below the other", link = "time", zoom = true, rows = rows,
           about = ("%d requests from their arrival: in the queue, computing the prompt, generating. Drag over a part "
             .. "to look closer; what happened over time follows."):format(number),
           x = { name = "time", unit = "s", time = true, min = figure.number(first), max = figure.number(last) },
           y = { name = "requests" }, view = { figure.number(first), figure.number(view) },
           series = { { name = "queued", from = queued.from, to = queued.to, colour = "queued" },
                      { name = "prefill", from = prefill.from, to = prefill.to, colour = "prefill" },
                      { name = "decode", from = decode.from, to = decode.to, colour = "decode" } } }
end

--- TTFT of sampled requests by arrival. nil: there are none.
function pictures.scatter(raw)
  local x, at, ttft, names = raw.excerpt, {}, {}, {}
  for i = 1, x and #x.number or 0 do
    if x.in_sample[i] and x.first_token[i] then
      at[#at + 1] = figure.number(x.arrival[i])
      ttft[#ttft + 1] = figure.number(1e3 * (x.first_token[i] - x.arrival[i]))
      names[#names + 1] = "req_" .. x.number[i]
    end
  end
  if #at == 0 then return nil end
  return { kind = "points", title = "TTFT by arrival", link = "time", zoom = true,
           about = #at < x.seen and ("A sample of %d of %d requests."):format(#at, x.seen) or "Every request.",
           x = { name = "arrival", unit = "s", time = true, min = 0, max = figure.number(raw.now) },
           y = { name = "TTFT", unit = "ms", zero = true },
           series = { { name = "request", x = at, y = ttft, names = names } } }
end

--- What a terminal shows of a run: distributions, a histogram, what happened over time. A list.
function pictures.all(raw, s)
  local list = {}
  local requests, tokens = pictures.distributions(raw)
  if requests then list[1] = requests end
  if tokens then list[#list + 1] = tokens end
  for _, more in ipairs { pictures.histograms(raw), pictures.timelines(raw, s) } do
    table.move(more, 1, #more, #list + 1, list)
  end
  return list
end

return pictures
