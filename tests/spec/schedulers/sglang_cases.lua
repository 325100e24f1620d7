--- A few schedules of the real SGLang (0.5.23 and its normal loop unless said otherwise, 10 ms a step), small enough
-- to be read: each shows one rule. A request: name, arrival (ms), prompt as { text, tokens } (equal texts are equal
-- tokens from their start), output tokens and, where it ends by a stop token before, the most it may have; then what
-- came of it. A step: start (ms), kind, tokens in use or locked once it is formed, tokens cached and evictable,
-- new_token_ratio, who is in it (prompts with their tokens) and who was sent back for it. Facts: what the schedulers of
-- the PyPI packages sglang 0.5.5 and 0.5.23 did on a virtual clock without a GPU.
local COMMON = { max_running_requests = 8, chunked_prefill_size = 128, max_prefill_tokens = 16384, page_size = 1,
                 schedule_policy = "fcfs", schedule_conservativeness = 1.0 }

local CASES = {
  {
    name = "the request that spends max_prefill_tokens is taken whole, as far as the chunk reaches",
    knobs = { kv_tokens = 465, chunked_prefill_size = 256, max_prefill_tokens = 100, context_length = 109 },
    requests = {
      { "a", at = 0, { { "own a", 70 } }, output = 2, first = 10, finish = 40 },
      { "b", at = 1, { { "own b", 98 } }, output = 3, first = 20, finish = 50 },
      { "c", at = 4, { { "own c", 85 } }, output = 2, first = 20, finish = 40 },
      { "d", at = 6, { { "own d", 67 } }, output = 4, first = 30, finish = 60 },
      { "e", at = 7, { { "own e", 31 } }, output = 3, first = 30, finish = 50 },
    },
    steps = [[
         0 prefill   70    0 0.7       a:70
        10 prefill  253    0 0.7       b:98 c:85
        20 prefill  351    0 0.7       d:67 e:31
        30 decode   356    0 0.698997  a b c d e
        40 decode   202  157 0.697993  b d e
        50 decode    70  290 0.69699   d
    ]],
  },
  {
    name = "who has ended holds no seat when the next step is formed; prompts go first and alone",
    knobs = { kv_tokens = 331, max_running_requests = 3, context_length = 77 },
    requests = {
      { "a", at = 0, { { "own a", 67 } }, output = 2, first = 10, finish = 30 },
      { "b", at = 3, { { "own b", 62 } }, output = 3, first = 20, finish = 50 },
      { "c", at = 3, { { "own c", 22 } }, output = 8, first = 20, finish = 100 },
      { "d", at = 18, { { "own d", 62 } }, output = 5, first = 40, finish = 80 },
    },
    steps = [[
         0 prefill   67    0 0.7       a:67
        10 prefill  151    0 0.7       b:62 c:22
        20 decode   154    0 0.698997  a b c
        30 prefill  148   68 0.698997  d:62
        40 decode   151   68 0.697993  b c d
        50 decode    89  132 0.69699   c d
        60 decode    91  132 0.695987  c d
        70 decode    93  132 0.694983  c d
        80 decode    28  198 0.69398   c
        90 decode    29  198 0.692977  c
    ]],
  },
  {
    name = "what a chunk or a prompt computed can be found in the next step",
    knobs = { kv_tokens = 672, chunked_prefill_size = 64, context_length = 173 },
    requests = {
      { "a", at = 0, { { "S0", 120 }, { "S0B1", 30 }, { "own a", 5 } }, output = 3, first = 30, finish = 70 },
      { "b", at = 0, { { "S0", 120 }, { "own b", 40 } }, output = 3, cached = 120, first = 40, finish = 70 },
      { "c", at = 12, { { "S0", 120 }, { "own c", 40 } }, output = 5, cached = 120, first = 40, finish = 90 },
      { "d", at = 26, { { "S1", 80 } }, output = 6, first = 50, finish = 100 },
    },
    steps = [[
         0 prefill   64    0 0.7       a:64
        10 prefill  128    0 0.7       a:64
        20 prefill  192    0 0.7       a:27 b:37
        30 prefill  256    0 0.7       b:3 c:40 d:21
        40 prefill  315    0 0.7       d:59
        50 decode   319    0 0.698997  a b c d
        60 decode   323    0 0.697993  a b c d
        70 decode   246   79 0.69699   c d
        80 decode   248   79 0.695987  c d
        90 decode    85  243 0.694983  d
    ]],
  },
  {
    name = "longest cached prefix first, where the last token of a prompt does not count",
    knobs = { kv_tokens = 595, max_running_requests = 2, schedule_policy = "lpm", context_length = 140 },
    requests = {
      { "a", at = 0, { { "S0", 40 }, { "own a", 20 } }, output = 7, first = 10, finish = 100 },
      { "b", at = 3, { { "S1", 120 }, { "own b", 5 } }, output = 7, first = 90, finish = 170 },
      { "c", at = 3, { { "S2", 40 }, { "own c", 5 } }, output = 5, first = 150, finish = 190 },
      { "d", at = 3, { { "S0", 40 } }, output = 3, cached = 39, first = 60, finish = 80 },
      { "e", at = 9, { { "S1", 120 } }, output = 4, cached = 119, first = 110, finish = 140 },
      { "f", at = 9, { { "S0", 40 }, { "S0B0", 30 }, { "own f", 5 } }, output = 4,
        cached = 40, first = 20, finish = 50 },
    },
    steps = [[
         0 prefill   60    0 0.7       a:60
        10 prefill   95    0 0.7       f:35
        20 decode    97    0 0.698997  a f
        30 decode    99    0 0.697993  a f
        40 decode   101    0 0.69699   a f
        50 prefill   64   38 0.69699   d:1
        60 decode    65   38 0.695987  a d
        70 decode    67   38 0.694983  a d
        80 prefill  190   40 0.694983  b:125
        90 decode   192   40 0.69398   a b
       100 prefill  127  106 0.69398   e:1
       110 decode   128  106 0.692977  b e
       120 decode   130  106 0.691973  b e
       130 decode   132  106 0.69097   b e
       140 prefill  174  109 0.69097   c:45
       150 decode   176  109 0.689967  b c
       160 decode   178  109 0.688963  b c
       170 decode    48  240 0.68796   c
       180 decode    49  240 0.686957  c
    ]],
  },
  {
    name = "down the tree, the branch first at which most are waiting",
    knobs = { kv_tokens = 611, max_running_requests = 3, schedule_policy = "dfs-weight", context_length = 174 },
    requests = {
      { "a", at = 0, { { "S0", 40 }, { "own a", 20 } }, output = 5, first = 10, finish = 80 },
      { "b", at = 2, { { "S2", 120 }, { "own b", 40 } }, output = 6, first = 30, finish = 100 },
      { "c", at = 8, { { "S0", 40 }, { "S0B1", 30 }, { "own c", 20 } }, output = 4,
        cached = 40, first = 20, finish = 60 },
      { "d", at = 14, { { "S2", 120 }, { "own d", 20 } }, output = 4, cached = 120, first = 90, finish = 120 },
      { "e", at = 17, { { "S0", 40 } }, output = 2, cached = 39, first = 70, finish = 80 },
    },
    steps = [[
         0 prefill   60    0 0.7       a:60
        10 prefill  188    0 0.7       c:50 b:78
        20 prefill  270    0 0.7       b:82
        30 decode   273    0 0.698997  a c b
        40 decode   276    0 0.697993  a c b
        50 decode   279    0 0.69699   a c b
        60 prefill  227   53 0.69699   e:1
        70 decode   229   53 0.695987  a b e
        80 prefill  184  118 0.695987  d:20
        90 decode   186  118 0.694983  b d
       100 decode   142  163 0.69398   d
       110 decode   143  163 0.692977  d
    ]],
  },
  {
    name = "whole leaves are given up until there is room; a batch that finds nobody running takes admission open",
    knobs = { kv_tokens = 154, schedule_policy = "lpm", context_length = 134 },
    requests = {
      { "a", at = 0, { { "S0", 80 }, { "S0B0", 30 } }, output = 3, first = 10, finish = 40 },
      { "b", at = 0, { { "S0", 80 }, { "own b", 5 } }, output = 3, cached = 80, first = 20, finish = 40 },
      { "c", at = 12, { { "S0", 80 }, { "own c", 40 } }, output = 6, cached = 80, first = 50, finish = 100 },
      { "d", at = 19, { { "S0", 80 }, { "own d", 5 } }, output = 7, cached = 80, first = 50, finish = 110 },
    },
    steps = [[
         0 prefill  110    0 0.7       a:110
        10 prefill  115    0 0.7       b:5
        20 decode   117    0 0.698997  a b
        30 decode   119    0 0.697993  a b
        40 prefill  125    7 0.697993  c:40 d:5
        50 decode   127    7 0.69699   c d
        60 decode   129    7 0.695987  c d
        70 decode   131    7 0.694983  c d
        80 decode   133    7 0.69398   c d
        90 decode   135    7 0.692977  c d
       100 decode    91   52 0.691973  d
    ]],
  },
  {
    name = "the fewest tokens made are sent back; the ratio is then what the others have made and 20 each",
    knobs = { kv_tokens = 136, schedule_conservativeness = 0.05, context_length = 94 },
    requests = {
      { "a", at = 0, { { "own a", 33 } }, output = 15, first = 10, finish = 160 },
      { "b", at = 5, { { "own b", 60 } }, output = 16, most = 26, first = 20, finish = 170 },
      { "c", at = 13, { { "own c", 54 } }, output = 11, first = 180, finish = 290 },
      { "d", at = 13, { { "own d", 65 } }, output = 10, retracted = 1, first = 190, finish = 300 },
    },
    steps = [[
         0 prefill   33    0 0.035     a:33
        10 prefill   93    0 0.035     b:60
        20 decode    95    0 0.03495   a b
        30 decode    97    0 0.0349    a b
        40 decode    99    0 0.03485   a b
        50 decode   101    0 0.034799  a b
        60 decode   103    0 0.034749  a b
        70 decode   105    0 0.034699  a b
        80 decode   107    0 0.034649  a b
        90 decode   109    0 0.034599  a b
       100 decode   111    0 0.034549  a b
       110 decode   113    0 0.034498  a b
       120 decode   115    0 0.034448  a b
       130 decode   117    0 0.034398  a b
       140 decode   119    0 0.034348  a b
       150 decode   121    0 0.034298  a b
       160 decode    75   47 0.034248  b
       170 prefill   54   75 0.034248  c:54
       180 prefill  119    0 0.034248  d:65
       190 decode   121    0 0.034197  c d
       200 decode   123    0 0.034147  c d
       210 decode   125    0 0.034097  c d
       220 decode   127    0 0.034047  c d
       230 decode   129    0 0.033997  c d
       240 decode   131    0 0.033947  c d
       250 decode   133    0 0.033896  c d
       260 decode   135    0 0.033846  c d
       270 decode    63    0 1         c back d
       280 decode    64    0 0.99995   c
       290 prefill   74   54 0.99995   d:74
    ]],
  },
  {
    name = "0.5.5: who has ended holds the seat until the others decode",
    sglang = "0.5.5",
    knobs = { kv_tokens = 331, max_running_requests = 3, context_length = 77 },
    requests = {
      { "a", at = 0, { { "own a", 67 } }, output = 2, first = 10, finish = 30 },
      { "b", at = 3, { { "own b", 62 } }, output = 3, first = 20, finish = 40 },
      { "c", at = 3, { { "own c", 22 } }, output = 8, first = 20, finish = 100 },
      { "d", at = 18, { { "own d", 62 } }, output = 5, first = 50, finish = 90 },
    },
    steps = [[
         0 prefill   67    0 0.7       a:67
        10 prefill  151    0 0.7       b:62 c:22
        20 decode   154    0 0.698997  a b c
        30 decode    88   68 0.697993  b c
        40 prefill   86  132 0.697993  d:62
        50 decode    88  132 0.69699   c d
        60 decode    90  132 0.695987  c d
        70 decode    92  132 0.694983  c d
        80 decode    94  132 0.69398   c d
        90 decode    29  198 0.692977  c
    ]],
  },
  {
    name = "overlap: who ends by length does not decode once more",
    overlap = true,
    knobs = { kv_tokens = 331, max_running_requests = 3, context_length = 77 },
    requests = {
      { "a", at = 0, { { "own a", 67 } }, output = 2, first = 10, finish = 20 },
      { "b", at = 3, { { "own b", 62 } }, output = 3, first = 30, finish = 60 },
      { "c", at = 3, { { "own c", 22 } }, output = 8, first = 30, finish = 110 },
      { "d", at = 18, { { "own d", 62 } }, output = 5, first = 40, finish = 80 },
    },
    steps = [[
         0 prefill   67    0 0.7       a:67
        10 decode    68    0 0.698997  a
        20 prefill  152    0 0.698997  b:62 c:22
        30 prefill  146   68 0.698997  d:62
        40 decode   149   68 0.697993  b c d
        50 decode   152   68 0.69699   b c d
        60 decode   154   68 0.695987  c d
        70 decode    92  132 0.694983  c d
        80 decode    93  132 0.69398   c
        90 decode    28  198 0.692977  c
       100 decode    29  198 0.691973  c
    ]],
  },
  {
    name = "0.5.5, overlap: who has ended decodes once more, and holds a token of it",
    sglang = "0.5.5", overlap = true,
    knobs = { kv_tokens = 331, max_running_requests = 3, context_length = 77 },
    requests = {
      { "a", at = 0, { { "own a", 67 } }, output = 2, first = 10, finish = 20 },
      { "b", at = 3, { { "own b", 62 } }, output = 3, first = 30, finish = 60 },
      { "c", at = 3, { { "own c", 22 } }, output = 8, first = 30, finish = 110 },
      { "d", at = 18, { { "own d", 62 } }, output = 5, first = 50, finish = 90 },
    },
    steps = [[
         0 prefill   67    0 0.7       a:67
        10 decode    68    0 0.698997  a
        20 prefill  152    0 0.698997  b:62 c:22
        30 decode    86   68 0.697993  b c
        40 prefill  148   68 0.697993  d:62
        50 decode   151   68 0.69699   b c d
        60 decode   154   68 0.695987  b c d
        70 decode    92  132 0.694983  c d
        80 decode    93  132 0.69398   c d
        90 decode    95  132 0.692977  c d
       100 decode    30  198 0.691973  c
       110 decode    30  198 0.69097   c
    ]],
  },
}

-- A line of `steps` as { start, kind, { request = tokens }, in use, evictable, ratio, { retracted } or nil }.
local function step_of(line)
  local start, kind, used, cached, ratio, who = line:match "^%s*(%d+) (%a+)%s+(%d+)%s+(%d+)%s+(%S+)%s+(.*)$"
  local tokens, back, gone = {}, false, nil
  for word in who:gmatch "%S+" do
    local name, n = word:match "^(%w+):(%d+)$"
    if word == "back" then
      back, gone = true, {}
    elseif back then
      gone[#gone + 1] = word
    else
      tokens[name or word] = n and math.tointeger(n) or 1
    end
  end
  return { math.tointeger(start), kind, tokens, math.tointeger(used), math.tointeger(cached), tonumber(ratio), gone }
end

-- The cases as the recorded files have them.
for _, c in ipairs(CASES) do
  c.sglang, c.step_ms, c.expect = c.sglang or "0.5.23", 10, { steps = {}, requests = {} }
  for k, v in pairs(COMMON) do
    if c.knobs[k] == nil then c.knobs[k] = v end
  end
  for i, r in ipairs(c.requests) do
    c.requests[i] = { name = r[1], arrival_ms = r.at, prompt = r[2], output = r.output, max_new_tokens = r.most }
    c.expect.requests[r[1]] = { first_token_ms = r.first, finish_ms = r.finish, retractions = r.retracted or 0,
                                cached_tokens = r.cached or 0 }
  end
  for line in c.steps:gmatch "[^\n]+" do
    if line:find "%S" then table.insert(c.expect.steps, step_of(line)) end
  end
end

return CASES
