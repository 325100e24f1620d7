--- Why latencies are what they are, as a page of at most 80 columns.
local ordered = require "oracle.text.ordered"
local units = require "oracle.text.units"

local text = {}

local LABEL, CELL = 36, 11                                -- columns; four cells stand beside a label

local GROUPS = {
  { "queue", "Queue" }, { "prefill", "Prefill" }, { "interference", "Others" }, { "decode", "Decode" },
  { "preemption", "Preemption" }, { "transfer", "Transfer" },
}

local TERMS = {
  api = "API, on the way to the queue", ["queue.replica"] = "no replica ready", ["queue.step"] = "the running step",
  ["queue.seats"] = "batch seats", ["queue.budget"] = "token budget", ["queue.prompts"] = "other prompts",
  ["queue.blocks"] = "KV blocks", ["queue.policy"] = "the scheduler", ["prefill.own"] = "own prompt",
  ["interference.prefills"] = "prefills", ["interference.decodes"] = "decodes beside the prompt",
  ["interference.stages"] = "stages and ranks waited for", ["decode.weights"] = "weights",
  ["decode.kv"] = "KV (attention)",
  ["decode.collectives"] = "collectives", ["decode.overhead"] = "overhead", ["decode.drafts"] = "drafts",
  ["preemption.waiting"] = "waiting", ["preemption.recomputation"] = "recomputation",
  ["transfer.room"] = "room in the other pool", ["transfer.pools"] = "between pools",
  ["transfer.tiers"] = "from KV tiers",
  ["transfer.host"] = "host memory, adapters", stream = "Stream, tokens sent together",
}

local RESOURCES = {
  flops = "FLOPs", memory_bandwidth = "bandwidth", link = "links", host = "host", batch_seats = "seats",
  token_budget = "budget", kv_blocks = "KV blocks", replicas = "replicas", policy = "scheduler",
}

local LONG = {
  flops = "FLOPs", memory_bandwidth = "memory bandwidth", link = "the links", host = "host and launch time",
  batch_seats = "batch seats (max_num_seqs)", token_budget = "the token budget (max_num_batched_tokens)",
  kv_blocks = "KV blocks", replicas = "replicas", policy = "the scheduler",
}

local function pad(s, width)
  return (" "):rep(width - (utf8.len(s) or #s)) .. s
end

local function line(lines, label, cells)
  local row = { label .. (" "):rep(LABEL - (utf8.len(label) or #label)) }
  for _, cell in ipairs(cells) do row[#row + 1] = pad(cell, CELL) end
  lines[#lines + 1] = (table.concat(row):gsub("%s+$", ""))
end

local function ms(ns)
  if ns == 0 then return "-" end
  local v = ns / 1e6
  return v >= 1e5 and ("%.0f"):format(v) or v >= 0.01 and ("%.2f"):format(v) or ("%.2g"):format(v)
end

local function label_of(term)
  local group, name = term:match "^(%l+)%."
  for _, g in ipairs(GROUPS) do
    if g[1] == group then name = g[2] end
  end
  return (name and name .. ": " or "") .. (TERMS[term] or term)
end

-- One latency: a column for the mean and each percentile, a line for each term that any of them has.
local function table_of(lines, title, splits)
  local keys = ordered.keys(splits)
  local shown = table.move(keys, 1, math.min(#keys, 4), 1, {})
  local function each(f)
    local cells = {}
    for i, key in ipairs(shown) do cells[i] = f(splits[key], key) end
    return cells
  end
  line(lines, title, each(function(_, key) return key end))
  lines[#lines + 1] = ("-"):rep(LABEL + CELL * #shown)
  for _, term in ipairs(ordered.keys(splits.mean.terms)) do
    local any = false
    for _, key in ipairs(shown) do any = any or splits[key].terms[term] ~= 0 end
    if any then line(lines, label_of(term), each(function(s) return ms(s.terms[term]) end)) end
  end
  line(lines, "= " .. title, each(function(s) return ms(s.ns) end))
  line(lines, "bound by", each(function(s) return RESOURCES[s.binding] or s.binding end))
  line(lines, "  for (%)", each(function(s) return ("%.0f"):format(100 * s.binding_share) end))
  line(lines, "request", each(function(s) return s.request or "-" end))
  lines[#lines + 1] = ""
end

local function bound(what, b, key)
  return ("The %s of the %s request is bound by %s: %.0f %% of it."):format(what, key, LONG[b.resource] or b.resource,
    100 * b.share)
end

local EFFECTS = { "ttft.p50", "ttft.p99", "e2e.p50", "e2e.p99" }

local MEANS = {
  memory_bandwidth = "Memory bandwidth", flops = "FLOP/s", token_budget = "Token budget", batch_seats = "Batch seats",
  kv_blocks = "KV blocks", replicas = "One replica more",
}

local function of_mean(m)
  local replicas = m.parameter:match "^replicas%.(.+)$"
  if replicas then return ("One more %s (of %d)"):format(replicas, m.value) end
  local value
  if m.parameter == "replicas" then value = ("of %d"):format(m.value)
  elseif m.unit == "B/s" then value = units.format(m.value, "bytes/s")
  elseif m.unit == "FLOP/s" then value = ("%.4g T"):format(m.value / 1e12)
  else value = units.thousands(m.value) end
  return ("%s (%s)"):format(MEANS[m.parameter] or m.parameter, value)
end

-- In per cent of the metric: of a tenth more, or of one replica more.
local function effect(m, e)
  if not e or not e.elasticity then return "-" end
  local by = m.unit == "replicas" and 1 / m.value or 0.1
  local function percent(v) return ("%.1f"):format(100 * by * v) end
  local mean = percent(e.elasticity)
  if mean == "-0.0" then mean = "0.0" end
  if e.elasticity > 0 and mean ~= "0.0" then mean = "+" .. mean end
  return e.half_width and mean .. "±" .. percent(e.half_width) or mean
end

local function sensitivities(lines, found)
  if not found.sensitivities then return end
  line(lines, "% of a latency for 10 % more of", EFFECTS)
  lines[#lines + 1] = ("-"):rep(LABEL + CELL * #EFFECTS)
  for _, m in ipairs(found.sensitivities) do
    local cells = {}
    for i, name in ipairs(EFFECTS) do cells[i] = effect(m, m.effects and m.effects[name]) end
    line(lines, of_mean(m), cells)
    if m.error then lines[#lines + 1] = "  not tried: " .. m.error:sub(1, 66) end
  end
  lines[#lines + 1] = found.seeds > 1 and ("±: 95 %% interval over %d seeds, the same in all runs"):format(found.seeds)
    or "one run of each, so no interval"
end

--- The page.
function text.page(found)
  local lines = {}
  local last = ordered.keys(found.e2e)
  last = last[#last]
  table_of(lines, "TTFT (ms)", found.ttft)
  table_of(lines, "E2E (ms)", found.e2e)
  lines[#lines + 1] = bound("TTFT", found.binding.ttft, last)
  lines[#lines + 1] = bound("E2E", found.binding.e2e, last)
  if found.throughput.saturated then
    lines[#lines + 1] = "Overloaded: the queue grew to the end, so the waits say how long was simulated."
  end
  lines[#lines + 1] = ""
  sensitivities(lines, found)
  return table.concat(lines, "\n"):gsub("\n+$", "") .. "\n"
end

return text
