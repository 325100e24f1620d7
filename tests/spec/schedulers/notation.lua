--- The small schedules of cases.lua, in the form of the files of schedules.
local notation = {}

local DEFAULTS = { max_num_seqs = 8, max_num_batched_tokens = 64, max_model_len = 128, block_size = 16,
                   usable_kv_blocks = 32, long_prefill_token_threshold = 0, enable_prefix_caching = false,
                   scheduling_policy = "fcfs" }

local function request(told)
  local name = told[1]
  local r = { name = name, arrival_ms = told.at, output = told.output, priority = told.priority,
              ends_by = told.ends_by, conversation = told.conversation }
  local begins = told.begins or { "", 0 }
  r.prompt = { begins, { "own " .. name, told.prompt - begins[2] } }
  return r
end

-- "20 @10  a 1  b 16 | 4  -c": start, when made, tokens by request, blocks in use, preempted.
local function step(line)
  local start, before, used, after = line:match "^%s*(%d+)(.-)|%s*(%d+)(.*)$"
  local made = before:match "^%s*@(%d+)"
  local tokens, preempted = {}, {}
  for name, n in before:gmatch "(%a%S*) (%d+)" do tokens[name] = tonumber(n) end
  for name in after:gmatch "%-(%S+)" do preempted[#preempted + 1] = name end
  return { tonumber(start), tokens, tonumber(used), preempted, made and tonumber(made) }
end

local function outcome(line)
  local name, first, finish = line:match "^%s*(%S+)%s+(%d+)%s+(%d+)"
  local function count(word) return tonumber(line:match(word .. " (%d+)") or 0) end
  return name, { first_token_ms = tonumber(first), finish_ms = tonumber(finish), cached_tokens = count "cached",
                 preemptions = count "preempted", tokens_after_end = count "after" }
end

local function lines(text) return text:gmatch "[^\n]*%d[^\n]*" end

function notation.case(small)
  local case = { id = small.name .. "-" .. small.vllm, vllm = small.vllm, step_ms = 10, knobs = {}, requests = {},
                 expect = { steps = {}, requests = {} } }
  for k, v in pairs(DEFAULTS) do case.knobs[k] = v end
  for k, v in pairs(small.knobs or {}) do case.knobs[k] = v end
  for i, told in ipairs(small.requests) do case.requests[i] = request(told) end
  for line in lines(small.steps) do case.expect.steps[#case.expect.steps + 1] = step(line) end
  for line in lines(small.ends) do
    local name, ends = outcome(line)
    case.expect.requests[name] = ends
  end
  return case
end

return notation
