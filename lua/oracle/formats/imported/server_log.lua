--- What a vLLM server logged, as requests: their arrivals, lengths and ends. Lines that are read
-- (vllm/entrypoints/logger.py, vllm/v1/metrics/loggers.py, uvicorn's access log):
--   INFO 06-10 23:35:35 [logger.py:39] Received request cmpl-1: prompt: '...', params: SamplingParams(... max_tokens=9
--     ...), prompt_token_ids: [1, 2], ...                --enable-log-requests; the prompt also in a line
--   ... Request cmpl-1 details: prompt: ...              of its own, at VLLM_LOGGING_LEVEL=DEBUG
--   ... Generated response cmpl-1: output: '...', output_token_ids: [3], ...      --enable-log-outputs
--   ... Finished request cmpl-1.   Aborted request cmpl-1.
--   ... Engine 000: Avg prompt throughput: 12.5 tokens/s, Avg generation throughput: 80.1 tokens/s, Running: ...
--   INFO: 10.0.0.1:3058 - "POST /v1/completions HTTP/1.1" 200 OK     its time is what `docker logs -t` puts before it
-- Lengths that are not logged come from what is: token ids, else characters, else the mean that the throughputs give,
-- else max_tokens; `notes` say which.
local server_log = {}

local CHARACTERS_PER_TOKEN = 4
local MOST_REQUESTS, MOST_TOKENS = 10000000, 100000000
local LOG_INTERVAL = 10                                   -- s between two of throughputs (VLLM_LOG_STATS_INTERVAL)
local DAYS = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 }

--- Whether a text - a file's beginning - is such a log.
function server_log.is(text)
  return text:find("Received request ", 1, true) ~= nil or text:find("Avg prompt throughput:", 1, true) ~= nil
    or text:find '"POST /v1/[%w/_]+ HTTP/[%d.]+" %d%d%d' ~= nil
end

-- ---- a line ----

local function seconds(month, day, hour, minute, second, fraction)
  month, day = tonumber(month), tonumber(day)
  if month < 1 or month > 12 or day < 1 or day > 31 then return nil end
  local whole = ((DAYS[month] + day - 1) * 24 + tonumber(hour)) * 3600 + tonumber(minute) * 60 + tonumber(second)
  if fraction == "" then return whole, true end
  return whole + tonumber("0." .. fraction), false
end

-- s since the year began, and whether it is of whole seconds; nil where the line says none. What a container's runtime
-- puts before a line is finer than vLLM's own.
local function time_of(line)
  local y, mo, d, h, mi, s, f = line:match "^(%d%d%d%d)%-(%d%d)%-(%d%d)[T ](%d%d):(%d%d):(%d%d)[.,]?(%d*)"
  if y then return seconds(mo, d, h, mi, s, f) end
  mo, d, h, mi, s, f = line:match "%f[%u]%u+ (%d%d)%-(%d%d) (%d%d):(%d%d):(%d%d)[.,]?(%d*)"
  if mo then return seconds(mo, d, h, mi, s, f) end
end

-- How many ids a list such as "[1, 2, 3]" has; nil where there is none.
local function ids_of(line, name)
  local list = line:match(name .. ": %[([%d, ]*)%]")
  if not list then return nil end
  local n = 0
  for _ in list:gmatch "%d+" do n = n + 1 end
  return n
end

-- Characters of a text as Python's repr has it, `before` and `behind` it; nil where there is none.
local function characters_of(line, before, behind)
  local _, from = line:find(before, 1, true)
  local quote = from and line:sub(from + 1, from + 1)
  if quote ~= "'" and quote ~= '"' then return nil end
  local to = line:find(quote .. behind, from + 2, true) or #line + 1
  local text = line:sub(from + 2, to - 1):gsub("\\x%x%x", "x"):gsub("\\u%x%x%x%x", "x"):gsub("\\.", "x")
  return utf8.len(text) or #text
end

-- What a line says of a request's prompt.
local function add_prompt(r, line)
  r.prompt = ids_of(line, "prompt_token_ids") or r.prompt
  r.prompt_characters = characters_of(line, "prompt: ", ", p") or r.prompt_characters
end

-- ---- what lines add up to ----

local METHODS = {}
METHODS.__index = METHODS

-- Time that does not go back: a year's end adds one.
function METHODS:now(line)
  local t, coarse = time_of(line)
  if not t then return nil end
  if self.last and t + self.year < self.last - 180 * 86400 then self.year = self.year + 365 * 86400 end
  self.last = t + self.year
  return self.last, coarse
end

function METHODS:request(id)
  return self.by_id[id]
end

function METHODS:received(id, line)
  local time, coarse = self:now(line)
  if not time or self.by_id[id] then return end
  if #self.requests >= MOST_REQUESTS then error(("more than %d requests"):format(MOST_REQUESTS), 0) end
  local most = tonumber(line:match "max_tokens=(%d+)")
  local r = { id = id, time = time, coarse = coarse, max_output = most and math.min(most, MOST_TOKENS) }
  self.by_id[id], self.requests[#self.requests + 1] = r, r
  add_prompt(r, line)
end

function METHODS:answered(r, line)
  local ids = ids_of(line, "output_token_ids")
  if line:find("(streaming delta)", 1, true) then
    r.output = (r.output or 0) + (ids or 0)
  else
    if ids and ids > 0 then r.output = ids end
    r.output_characters = characters_of(line, "output: ", ", output_token_ids") or r.output_characters
  end
  r.ended = self:now(line) or r.ended
end

-- Tokens that a line of throughputs stands for.
function METHODS:throughputs(engine, prompt, output, line)
  local time = self:now(line)
  local before = self.engines[engine]
  local span = time and before and math.min(time - before, 6 * LOG_INTERVAL) or LOG_INTERVAL
  self.engines[engine] = time or before
  self.prompt_tokens = self.prompt_tokens + tonumber(prompt) * span
  self.output_tokens = self.output_tokens + tonumber(output) * span
end

local KNOBS = { "tensor_parallel_size", "pipeline_parallel_size", "data_parallel_size", "max_num_seqs",
                "max_num_batched_tokens", "gpu_memory_utilization", "block_size", "num_gpu_blocks_override" }

-- The engine's configuration, as its start says it.
function METHODS:configured(line)
  self.model = line:match "model='([^']+)'" or line:match "'model': '([^']+)'" or self.model
  self.version = line:match "engine %(v?(%d+%.%d+[%d.]*)%)" or self.version
  local length = line:match "max_seq_len=(%d+)" or line:match "'max_model_len': (%d+)"
  self.engine.max_model_len = tonumber(length) or self.engine.max_model_len
  for _, knob in ipairs(KNOBS) do
    local v = line:match("%f[%w_]" .. knob .. "=([%d.]+)") or line:match("'" .. knob .. "': ([%d.]+)")
    self.engine[knob] = tonumber(v) or self.engine[knob]
  end
  local caching = line:match "enable_prefix_caching=(%a+)" or line:match "'enable_prefix_caching': (%a+)"
  if caching == "True" or caching == "False" then self.engine.enable_prefix_caching = caching == "True" end
end

function METHODS:line(line)
  local id = line:match "Received request ([^%s:]+):"
  if id then return self:received(id, line) end
  id = line:match "Generated response ([^%s:]+)"
  if id then
    local r = self:request(id)
    return r and self:answered(r, line)
  end
  local what
  what, id = line:match "%] (%u%l+) request%(?s?%)? ([^%s:]+)"
  if what == "Finished" or what == "Aborted" then
    local r = self:request((id:gsub("%.$", "")))
    if r then r.ended, r.aborted = self:now(line), what == "Aborted" end
    return
  end
  id = line:match "%] Request ([^%s:]+) details: "
  if id then
    local r = self:request(id)
    return r and add_prompt(r, line)
  end
  local prompt, output = line:match "Avg prompt throughput: ([%d.]+) tokens/s, Avg generation throughput: ([%d.]+)"
  if prompt and tonumber(prompt) and tonumber(output) then
    return self:throughputs(line:match "Engine (%d+):" or "0", prompt, output, line)
  end
  if line:find '"POST /v1/[%w/_]*completions HTTP/' then
    self.posts = self.posts + 1
    local time = self:now(line)
    if time and line:match "^%d%d%d%d%-" then self.accesses[#self.accesses + 1] = { time = time } end
    return
  end
  if line:find("LLM engine (v", 1, true) or line:find("non-default args: {", 1, true) then self:configured(line) end
end

-- ---- lengths ----

local function whole(n) return math.max(1, math.min(MOST_TOKENS, math.floor(n + 0.5))) end

-- A length of each request, from the first way that tells one.
-- @param ways { { what it is called, function(r) -> tokens or nil }, ... }
-- @return how many came from which, by name; nil and how many none tells
local function settle(requests, key, ways)
  local count, missing = {}, 0
  for _, r in ipairs(requests) do
    local found
    for _, way in ipairs(ways) do
      local n = not found and way[2](r)
      if n and n >= 1 then found, count[way[1]] = whole(n), (count[way[1]] or 0) + 1 end
    end
    if found then r[key] = found else missing = missing + 1 end
  end
  if missing > 0 then return nil, missing end
  return count
end

local function told(what, count, ways)
  local list = {}
  for _, way in ipairs(ways) do
    if count[way[1]] then list[#list + 1] = ("%s %d"):format(way[1], count[way[1]]) end
  end
  return ("%s: %s"):format(what, table.concat(list, ", "))
end

local function from_characters(key)
  return function(r) return r[key] and r[key] / CHARACTERS_PER_TOKEN end
end

local function mean_of(tokens, n)
  return function() return n > 0 and tokens > 0 and tokens / n or nil end
end

local function add_lengths(log, requests)
  local n = #requests
  local prompts = {
    { "counted", function(r) return r.prompt end },
    { "from characters, 4 a token", from_characters "prompt_characters" },
    { "the mean of the throughputs", mean_of(log.prompt_tokens, n) },
  }
  local count, missing = settle(requests, "prompt", prompts)
  if not count then
    error(("the lengths of %d prompts are not told; a server says them with --enable-log-requests at"
      .. " VLLM_LOGGING_LEVEL=DEBUG, or in lines of throughput"):format(missing), 0)
  end
  local mean = mean_of(log.output_tokens, n)
  local outputs = {
    { "counted", function(r) return r.output end },
    { "from characters, 4 a token", from_characters "output_characters" },
    { "the mean of the throughputs", function(r)
      local m = mean()
      return m and (r.max_output and math.min(m, r.max_output) or m)
    end },
    { "max_tokens, as if all were generated", function(r) return r.max_output end },
  }
  local answers
  answers, missing = settle(requests, "output", outputs)
  if not answers then
    error(("the lengths of %d answers are not told; a server says them with --enable-log-outputs, or in lines of"
      .. " throughput"):format(missing), 0)
  end
  return { told("prompts", count, prompts), told("answers", answers, outputs) }
end

-- Times of whole seconds, those of one second evenly over it.
local function spread(requests)
  local from, notes = 1, false
  while from <= #requests do
    local to = from
    while requests[to + 1] and requests[to + 1].time == requests[from].time do to = to + 1 end
    for i = from, to do
      local r = requests[i]
      if r.coarse then
        notes = true
        r.arrival = r.time + (i - from + 0.5) / (to - from + 1)
      else
        r.arrival = r.time
      end
    end
    from = to + 1
  end
  return notes
end

-- ---- the whole ----

-- Requests in order, times from the first one.
local function arranged(requests)
  local coarse = spread(requests)
  table.sort(requests, function(a, b)
    if a.arrival ~= b.arrival then return a.arrival < b.arrival end
    return a.id < b.id
  end)
  local first = requests[1].arrival
  local list = {}
  for i, r in ipairs(requests) do
    local ended = r.ended and not r.aborted and r.ended - first or nil
    list[i] = { id = r.id, arrival = r.arrival - first, prompt = r.prompt, output = r.output,
                max_output = math.max(r.max_output or 0, r.output),
                completion = ended and math.max(ended, r.arrival - first) or nil }
  end
  return list, coarse
end

--- A log as requests.
-- @param lines an iterator over its lines
-- @return { requests = { { id =, arrival = s from the first, prompt =, output =, max_output = tokens, completion = s or
--   nil }, ... }, model = or nil, version = or nil, engine = knobs that were said, notes = how it is known }; raises
--   why there are none
function server_log.read(lines)
  local log = setmetatable({ requests = {}, by_id = {}, accesses = {}, engines = {}, engine = {}, posts = 0, year = 0,
                             prompt_tokens = 0, output_tokens = 0 }, METHODS)
  for line in lines do log:line(line) end
  local requests = log.requests
  if #requests == 0 and #log.accesses > 0 then
    requests = log.accesses
    for i, r in ipairs(requests) do r.id = ("req_%d"):format(i) end
  end
  if #requests == 0 and log.posts > 0 then
    error(("%d requests, but not when they came; --enable-log-requests says it, or `docker logs -t`"):format(
      log.posts), 0)
  end
  if #requests == 0 then error("no requests in it", 0) end
  local notes = add_lengths(log, requests)
  local list, coarse = arranged(requests)
  if coarse then notes[#notes + 1] = "times: of whole seconds; the requests of one second are spread evenly over it" end
  return { requests = list, model = log.model, version = log.version, engine = log.engine, notes = notes }
end

return server_log
