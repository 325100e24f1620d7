--- Random numbers for cases that are compared: the same ones for the same seed.
local random = {}

--- function(low, high) -> a whole number (Knuth, The Art of Computer Programming 2, 3.3.4, table 1, line 26: MMIX).
function random.stream(seed)
  local state = seed * 7919 + 1
  local function pick(low, high)
    state = state * 6364136223846793005 + 1442695040888963407
    return low + (state >> 33) % (high - low + 1)
  end
  for _ = 1, 8 do pick(0, 1) end
  return pick
end

-- Prompts: texts of one's own, some behind one of a few that others begin with too.
local function prompt(pick, i, most)
  local own = { "own " .. i, pick(1, most // 3) }
  if pick(1, 2) == 1 then return { own } end
  local parts = { { "shared " .. pick(1, 3), pick(20, 60) } }
  if pick(1, 2) == 1 then parts[2] = { parts[1][1] .. " and " .. pick(1, 2), pick(5, 40) } end
  if pick(1, 3) > 1 then parts[#parts + 1] = own end
  return parts
end

--- A case of SGLang's scheduler (schedulers.sglang_loop).
function random.sglang(seed, policy)
  local pick = random.stream(seed)
  local context = pick(150, 260)
  local case = { sglang = "0.5.23", step_ms = 10, requests = {}, knobs = {
    kv_tokens = pick(context + 10, 3 * context), max_running_requests = pick(1, 8), context_length = context,
    chunked_prefill_size = ({ 32, 64, 128 })[pick(1, 3)], max_prefill_tokens = ({ 100, 16384 })[pick(1, 2)],
    schedule_policy = policy, schedule_conservativeness = ({ 0.1, 0.3, 1.0 })[pick(1, 3)], page_size = 1,
  } }
  local time = 0
  for i = 1, pick(3, 16) do
    if pick(1, 3) > 1 then time = time + pick(0, 30) end
    local parts, tokens = prompt(pick, i, context), 0
    for _, part in ipairs(parts) do tokens = tokens + part[2] end
    local output = pick(1, math.min(40, context - tokens - 4))
    case.requests[i] = { name = "r" .. i, arrival_ms = time, prompt = parts, output = output,
                         max_new_tokens = pick(1, 3) == 1 and output + pick(0, 60) or nil }
  end
  return case
end

return random
