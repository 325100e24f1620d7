--- Requests of a live simulation: s.requests[17] is the life of the 17th to arrive, as far as it has come.
local console = require "oracle.text.console"
local metrics = require "oracle.scenario.metrics"

local request = {}

local SAY = {
  arrived = function(c) return ("%d prompt tokens, at most %d output tokens"):format(c.amount, c.of) end,
  admitted = function(c)
    return ("replica %d, "):format(c.replica) .. (c.amount > 0
      and ("%d of %d tokens in memory already"):format(c.amount, c.of) or ("%d tokens to compute"):format(c.of))
  end,
  computed = function(c) return ("%d prompt tokens, %d in memory"):format(c.amount, c.of) end,
  preempted = function(c)
    return c.amount > 0 and ("keeps %d tokens"):format(c.amount) or ("%d tokens to compute again"):format(c.of)
  end,
  lost = function(c) return ("its replica failed, %d tokens to compute again"):format(c.of) end,
  ended = function(c) return ("%s, %d output tokens"):format(c.status, c.amount) end,
}
SAY["first token"] = function() return "" end

-- What follows each change, as one letter of the bar: waits, computes its prompt, decodes.
local AFTER = { arrived = ".", admitted = "#", computed = "#", ["first token"] = "=", preempted = ".", lost = "." }
local BAR = 60

local function letter(what, decoding)
  if what == "computed" and decoding then return "=" end
  return AFTER[what] or " "
end

-- The life as a bar: each character is a 60th of it.
local function bar(r)
  local first, last = r.timeline[1].time, r.now
  if r.timeline[#r.timeline].what == "ended" then last = r.timeline[#r.timeline].time end
  if last <= first then return "" end
  local text, at, decoding = {}, 1, false
  for column = 1, BAR do
    local time = first + (last - first) * (column - 0.5) / BAR
    while r.timeline[at + 1] and r.timeline[at + 1].time <= time do
      at = at + 1
      local what = r.timeline[at].what
      decoding = what == "first token" or (decoding and not AFTER[what])
        or (what == "computed" and r.timeline[at].complete)
    end
    text[column] = letter(r.timeline[at].what, decoding)
  end
  return ("|%s|\n . waits  # prompt  = decodes\n"):format(table.concat(text))
end

local REQUEST = { __name = "oracle.request.life", __show = function(r)
  local head = ("request %d: %s%s, %s prompt + %s output tokens"):format(r.id, r.status,
    r.replica and ", replica " .. r.replica or "", console.number(r.prompt), console.number(r.output))
  if r.preemptions and r.preemptions > 0 then head = head .. (", preempted %d times"):format(r.preemptions) end
  local latencies = {}
  for _, latency in ipairs(metrics.LATENCIES) do
    local v = r[latency.short .. "_ms"]
    if v then latencies[#latencies + 1] = ("%s %s ms"):format(latency.short, console.number(v)) end
  end
  local rows = {}
  for i, c in ipairs(r.timeline) do
    rows[i] = { ("%.6f"):format(c.time), ("%.3f"):format(1e3 * (c.time - r.timeline[1].time)), c.what, SAY[c.what](c) }
  end
  local text = head .. "\n" .. (#latencies > 0 and table.concat(latencies, ", ") .. "\n" or "")
  if #rows == 0 then return text .. "its changes are too long ago to be remembered; s:rewind(t) brings them back\n" end
  return text .. bar(r) .. console.table({ { name = "time", unit = "s" }, { name = "since", unit = "ms" }, "what", "" },
    rows)
end }

console.printable(REQUEST)

-- Latencies as the result defines them: TTFT from arrival, TPOT over the tokens after the first; of an answer that is
-- whole, as its client saw it, so many of its steps later.
local function measure(r, steps_later)
  local function ms(from, to) return from and to and 1e3 * (to - from) or nil end
  r.queue_ms, r.ttft_ms = ms(r.arrival, r.scheduled), ms(r.arrival, r.first_token)
  if r.status == "SUCCESS" then
    r.e2e_ms = ms(r.arrival, r.completion)
    if r.output > 1 then r.tpot_ms = ms(r.first_token, r.completion) / (r.output - 1) end
    local later = steps_later * (r.tpot_ms or 0)
    r.ttft_ms, r.e2e_ms = r.ttft_ms + later, r.e2e_ms + later
  end
end

-- A request that has ended, from the changes of its life.
local function from_changes(timeline)
  local r = { preemptions = 0 }
  for _, c in ipairs(timeline) do
    r.replica = c.replica
    if c.what == "arrived" then r.arrival, r.prompt, r.max_output = c.time, c.amount, c.of end
    if c.what == "admitted" then r.scheduled = r.scheduled or c.time end
    if c.what == "first token" then r.first_token = c.time end
    if c.what == "ended" then r.completion, r.output, r.status, r.preemptions = c.time, c.amount, c.status, c.of end
  end
  r.status = r.status or "forgotten"
  return r
end

--- The life of request `id`; nil when it has not arrived.
function request.life(raw, id)
  local status = raw:status()
  if id > status.arrived then return nil end
  local timeline = raw:life(id)
  for _, c in ipairs(timeline) do c.time = c.time / 1e9 end
  local r = raw:request(id)
  if r then
    for _, key in ipairs { "arrival", "scheduled", "first_token" } do r[key] = r[key] and r[key] / 1e9 end
  else
    r = from_changes(timeline)
  end
  local target = r.prompt
  for i, c in ipairs(timeline) do
    if c.what == "admitted" then target = c.of end
    if c.what == "computed" then c.complete = c.of == target end
    if c.what == "computed" and timeline[i + 1] and timeline[i + 1].what == "first token" then c.complete = true end
  end
  r.id, r.timeline, r.now = id, timeline, status.now / 1e9
  measure(r, status.stream_interval)
  return setmetatable(r, REQUEST)
end

local raw_of = setmetatable({}, { __mode = "k" })

local LIST = { __name = "oracle.requests" }

function LIST.__index(list, id)
  if math.type(id) ~= "integer" or id < 1 then return nil end
  return request.life(raw_of[list], id)
end

function LIST.__len(list) return raw_of[list]:status().arrived end

local MOST_ROWS = 20                                      -- a screen

--- The requests in flight, oldest first; beyond twenty only the first.
function LIST.__show(list)
  local raw = raw_of[list]
  local status, rows = raw:status(), {}
  local id = status.oldest
  while id <= status.arrived and #rows < MOST_ROWS do
    local r = raw:request(id)
    if r then
      rows[#rows + 1] = { id, r.status, r.replica, r.arrival / 1e9, r.prompt, r.computed, r.output, r.preemptions }
    end
    id = id + 1
  end
  local text = ("%d arrived, %d in flight%s\n"):format(status.arrived, status.live,
    #rows < status.live and (", the oldest %d:"):format(#rows) or ":")
  return text .. console.table({ "request", "state", "replica", { name = "arrival", unit = "s" },
    { name = "prompt", unit = "tokens" }, { name = "in memory", unit = "tokens" }, { name = "output", unit = "tokens" },
    "preempted" }, rows)
end

console.printable(LIST)

--- All requests by their number, in order of arrival: list[17]; #list have arrived.
function request.list(raw)
  local list = setmetatable({}, LIST)
  raw_of[list] = raw
  return list
end

return request
