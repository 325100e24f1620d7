--- What stands below the console block where a run has more than one kind of something: tables by profile, by pool and
-- by tier of the KV cache, and when replicas came, failed and went. None is wider than a terminal.
local console = require "oracle.text.console"
local ordered = require "oracle.text.ordered"

local tables = {}

-- A duration in ms as a column takes it.
local function ms(v)
  if v == nil then return "-" end
  return (v >= 1000 and "%.0f" or v >= 100 and "%.1f" or "%.2f"):format(v)
end

local function share(v)
  return v and ("%.1f"):format(100 * v) or "-"
end

local function rate(v)
  return v and ("%.2f"):format(v) or "-"
end

-- What there is to say of the requests of a part: how many, how many of them were answered, how fast.
local REQUESTS = { "requests", "answered", "req/s", "out tok/s", "TTFT ms", "p99", "TPOT ms", "E2EL p99" }

local function of_requests(part)
  local l, t = part.latency, part.throughput
  local ttft, tpot, e2e = l.time_to_first_token_ms, l.time_per_output_token_ms, l.end_to_end_latency_ms
  return { ("%d"):format(part.requests.total), ("%d"):format(part.requests.successful), rate(t.requests_per_second),
           ("%.1f"):format(t.output_tokens_per_second or 0), ms(ttft.mean), ms(ttft.p99), ms(tpot.mean), ms(e2e.p99) }
end

-- A table of parts by name.
local function by_name(title, parts)
  local heads, rows = { title }, {}
  table.move(REQUESTS, 1, #REQUESTS, 2, heads)
  for i, name in ipairs(ordered.keys(parts)) do
    local cells = of_requests(parts[name])
    rows[i] = { name, table.unpack(cells) }
  end
  return console.table(heads, rows, { right = 2 })
end

-- Pools by what they are and how busy; then the requests that ended in each.
local function of_pools(parts)
  local rows = {}
  for _, name in ipairs(ordered.keys(parts)) do
    local p = parts[name]
    rows[#rows + 1] = { name, p.hardware or "-", p.gpus or "-", p.replicas or "-", share(p.gpu_busy),
                        p.kv_cache and share(p.kv_cache.peak_usage) or "-",
                        p.preemptions and p.preemptions.count or "-",
                        p.replica_hours and ("%.4g"):format(p.replica_hours) or "-" }
  end
  return console.table({ "pool", "hardware", "GPUs", "replicas", "busy %", "KV peak %", "preemptions", "replica-h" },
    rows, { right = 3 }) .. "\n" .. by_name("pool", parts)
end

local function of_tiers(s)
  local tiers, rows = (s.prefix_caching or {}).tiers, {}
  for _, name in ipairs(tiers and ordered.keys(tiers) or {}) do
    rows[#rows + 1] = { name, tiers[name].hits, tiers[name].evictions }
  end
  return rows[1] and console.table({ "KV tier", "block hits", "evictions" }, rows)
end

local SHOWN = 12                                          -- events; the JSON has all

-- Events of scaling and of failures by time.
local function of_events(s)
  local list, rows = {}, {}
  for _, kind in ipairs { s.scaling or {}, s.failures or {} } do
    for _, e in ipairs(kind.events or {}) do list[#list + 1] = { e, #list } end
  end
  if #list == 0 then return nil end
  table.sort(list, function(a, b)
    if a[1].t ~= b[1].t then return a[1].t < b[1].t end
    return a[2] < b[2]
  end)
  for i = 1, math.min(SHOWN, #list) do
    local e = list[i][1]
    rows[i] = { ("%9.3f"):format(e.t), e.replica, e.what }
  end
  local more = #list + ((s.scaling or {}).left_out or 0) - #rows
  return console.table({ "     at s", "replica", "event" }, rows)
    .. (more > 0 and ("... and %d more; --json has them\n"):format(more) or "")
end

--- The tables of a summary as text, each with a blank line before it; "" where there are none.
function tables.text(s)
  local list = {}
  if s.per_profile and #ordered.keys(s.per_profile) > 1 then
    list[#list + 1] = by_name("profile", s.per_profile)
  end
  if s.per_pool and next(s.per_pool) then list[#list + 1] = of_pools(s.per_pool) end
  list[#list + 1] = of_tiers(s)
  list[#list + 1] = of_events(s)
  return list[1] and "\n" .. table.concat(list, "\n") or ""
end

return tables
