--- Multi-level feedback: a request sinks a level each time it has had the tokens its level grants, and levels above
-- go first; long prompts join further down. Requests of lower levels pause, keeping their blocks, when others wait.
-- Source: Wu et al., Fast Distributed Inference Serving for Large Language Models (FastServe), arXiv:2305.05920,
-- section 4.1: skip-join MLFQ, where a job joins the level whose quantum covers its first iteration.
local policy = require "oracle.policy"

return policy.batching {
  name = "mlfq",
  every_step = true,                                      -- quanta run out between events
  -- Tokens that the first level grants and the prompt it covers; each level has twice those of the one above.
  params = { levels = 6, quantum = 16, prompt_quantum = 512 },

  order = function(r, _, s)
    local level, covers = 0, s.params.prompt_quantum
    while covers < r.prompt and level < s.params.levels - 1 do
      level, covers = level + 1, 2 * covers
    end
    s.level, s.until_ = s.level or {}, s.until_ or {}
    s.level[r.id] = level
    s.until_[r.id] = r.generated + (s.params.quantum << level)
    return level
  end,

  ended = function(r, _, s)
    if s.level then s.level[r.id], s.until_[r.id] = nil, nil end
  end,

  step = function(b, e, s)
    local level, ends, last = s.level, s.until_, s.params.levels - 1
    if b:queue() > 0 then
      s.ids, s.tokens, s.heads = s.ids or {}, s.tokens or {}, s.heads or {}
      local ids, tokens, heads = s.ids, s.tokens, s.heads
      local n = b:running(ids, nil, nil, nil, tokens)
      for i = 1, n do
        local id = ids[i]
        if tokens[i] >= ends[id] then
          if level[id] < last then level[id] = level[id] + 1 end
          ends[id] = tokens[i] + (s.params.quantum << level[id])
          b:key(id, level[id])
        end
      end
      local m = b:size() >= e.max_num_seqs and b:waiting(heads) or 0
      local i, j = 1, n                                   -- the youngest running requests are looked at first
      while i <= m and j >= 1 do
        if level[ids[j]] > level[heads[i]] then
          b:preempt(ids[j], "keep")
          i = i + 1
        end
        j = j - 1
      end
    end
    local left = e.max_num_batched_tokens - b:go_on(e.max_num_batched_tokens)
    if left > 0 then b:fill(left) end
  end,
}
