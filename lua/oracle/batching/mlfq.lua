--- Multi-level feedback: a request sinks a level each time it has had the tokens its level grants, and levels above
-- go first; long prompts join further down. Requests of lower levels pause, keeping their blocks, when others wait; who
-- waits too long may start over on the first level.
-- Source: Wu et al., Fast Distributed Inference Serving for Large Language Models (FastServe), arXiv:2305.05920,
-- section 4.1: skip-join MLFQ, where a job joins the level whose quantum covers its first iteration.
local policy = require "oracle.policy"

-- Who has waited too long starts over on the first level.
local function promote(b, s)
  local now, limit, waiting = b:now(), s.params.starve_limit, s.waiting
  for i = 1, b:waiting(waiting) do
    local id = waiting.id[i]
    if s.level[id] > 0 and now - s.since[id] > limit then
      s.level[id], s.since[id] = 0, now
      s.until_[id] = waiting.generated[i] + s.params.quantum
      b:requeue(id, 0)
      b:alarm(id, s.until_[id])
    end
  end
end

return policy.batching {
  name = "mlfq",
  every_step = true,                                      -- quanta run out between events
  -- Tokens that the first level grants and the prompt it covers; each level has twice those of the one above.
  -- starve_limit: s without a token after which a waiting request is put on the first level again; 0: never.
  params = { levels = 6, quantum = 16, prompt_quantum = 512, starve_limit = 0.0 },

  order = function(r, _, s)
    local level, covers = 0, s.params.prompt_quantum
    while covers < r.prompt and level < s.params.levels - 1 do
      level, covers = level + 1, 2 * covers
    end
    s.level, s.until_ = s.level or {}, s.until_ or {}
    s.since = s.since or {}
    s.level[r.id], s.since[r.id] = level, r.arrival
    s.until_[r.id] = r.generated + (s.params.quantum << level)
    return level
  end,

  ended = function(r, _, s)
    if s.level then s.level[r.id], s.until_[r.id], s.since[r.id] = nil, nil, nil end
  end,

  step = function(b, e, s)
    local level, ends, last = s.level, s.until_, s.params.levels - 1
    if b:queue() > 0 then
      s.running = s.running or b:columns { "id", "generated" }
      s.waiting = s.waiting or b:columns { "id", "generated" }
      local ids, tokens = s.running.id, s.running.generated
      for i = 1, b:reached(s.running) do
        local id = ids[i]
        if tokens[i] >= ends[id] then                     -- else it has just come
          if level[id] < last then level[id] = level[id] + 1 end
          ends[id] = tokens[i] + (s.params.quantum << level[id])
          b:requeue(id, level[id])
        end
        b:alarm(id, ends[id])
      end
      if s.params.starve_limit > 0 then promote(b, s) end
      for i = 1, b:size() >= e.max_num_seqs and b:outranked(s.running) or 0 do
        b:pause(ids[i])
        s.since[ids[i]] = b:now()
      end
    end
    local left = e.max_num_batched_tokens - b:continue(e.max_num_batched_tokens)
    if left > 0 then b:fill(left) end
  end,
}
