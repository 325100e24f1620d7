--- Replicas of a live simulation as one looks at them: tables made when asked for, which print aligned.
local console = require "oracle.text.console"

local replica = {}

local function percent(part, whole)
  return whole > 0 and 100 * part / whole or 0
end

local MEMORY = { __name = "oracle.kv", __show = function(kv)
  local rows = { { "used", kv.used, "blocks" }, { "free", kv.free, "blocks" }, { "total", kv.total, "blocks" },
                 { "in use", kv.usage, "%" } }
  if kv.cached then table.insert(rows, 3, { "cached, not held", kv.cached, "blocks" }) end
  if kv.block_size then rows[#rows + 1] = { "block size", kv.block_size, "tokens" } end
  if kv.evictions then rows[#rows + 1] = { "evicted", kv.evictions, "blocks" } end
  return console.table({ "KV cache", "", "unit" }, rows)
end }

console.printable(MEMORY)

--- Memory that prints: { used =, free =, total =, ... } in blocks, plus `usage` in per cent.
function replica.memory(kv)
  kv.usage = percent(kv.used, kv.total)
  return setmetatable(kv, MEMORY)
end

-- Rows of what is being computed.
local function step_rows(r)
  local rows = {}
  for i, step in ipairs(r.step) do
    rows[i] = { "step", ("%d tokens (%d decodes, %d prompts)"):format(step.tokens, step.decodes, step.prompts),
                ("to t = %.6f s"):format(step["end"]) }
  end
  if #rows == 0 then rows[1] = { "step", r.phase == "ready" and "idle" or r.phase, "" } end
  return rows
end

-- The same in a word or two.
local function step_brief(r)
  local tokens = {}
  for i, step in ipairs(r.step) do tokens[i] = tostring(step.tokens) end
  if #tokens > 0 then return table.concat(tokens, "+") .. " tokens" end
  return r.phase == "ready" and "idle" or r.phase
end

local REPLICA = { __name = "oracle.replica", __show = function(r)
  local rows = {
    { "waiting", r.queue, "requests" }, { "running", r.running, "requests" },
    { "of them decoding", r.decoding, "requests" }, { "their context", r.context, "tokens" },
    { "KV cache in use", r.kv.usage, "%" },
    { "free", r.kv.free, "blocks" }, { "steps ended", r.steps, "" }, { "policy calls", r.policy_calls, "" },
    { "preemptions", r.preemptions, "" },
  }
  for _, row in ipairs(step_rows(r)) do rows[#rows + 1] = row end
  return console.table({ "replica " .. r.id, "", "unit" }, rows)
end }

console.printable(REPLICA)

-- The engine's table of replica i, with times in seconds.
local function view(raw, i)
  local r = raw:replica(i)
  r.id, r.step, r.steps = i, r.steps, r.ended
  r.ended = nil
  for _, step in ipairs(r.step) do step["end"] = step["end"] / 1e9 end
  r.kv = replica.memory(r.kv)
  r.state = raw:state(i)
  return setmetatable(r, REPLICA)
end

local raw_of = setmetatable({}, { __mode = "k" })
local count_of = setmetatable({}, { __mode = "k" })

local LIST = { __name = "oracle.replicas" }

function LIST.__index(list, i)
  if math.type(i) ~= "integer" or i < 0 or i >= count_of[list] then return nil end
  return view(raw_of[list], i)
end

function LIST.__len(list) return count_of[list] end

local function following(list, i)
  i = i and i + 1 or 0
  local r = list[i]
  if r then return i, r end
end

function LIST.__pairs(list) return following, list, nil end

--- All replicas, numbered from 0 as in results: list[0] to list[#list - 1], or pairs(list).
function replica.list(raw, count)
  local list = setmetatable({}, LIST)
  raw_of[list], count_of[list] = raw, count
  return list
end

local MOST_ROWS = 20

--- The table of all replicas; beyond twenty only the first.
function replica.table(list)
  local rows = {}
  for i = 0, math.min(#list, MOST_ROWS) - 1 do
    local r = list[i]
    rows[i + 1] = { i, r.queue, r.running, r.kv.usage, r.kv.free, r.steps, r.preemptions, step_brief(r) }
  end
  local text = console.table({ "replica", "waiting", "running", { name = "KV used", unit = "%" },
    "KV free", "steps", "preempted", "step" }, rows)
  if #list > MOST_ROWS then text = text .. ("... %d replicas in all\n"):format(#list) end
  return text
end

LIST.__show = replica.table
console.printable(LIST)

return replica
