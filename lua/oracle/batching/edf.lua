--- Earliest deadline first, with preemption: a running request gives way, keeping its blocks, to one that waits and is
-- due earlier. Due is a request's time-out after its arrival, or else the objective on E2E or TTFT.
-- Source: Liu and Layland, Scheduling algorithms for multiprogramming in a hard-real-time environment, JACM 20(1),
-- 1973, section 7; optimal on one server by Dertouzos, IFIP Congress 1974.
local policy = require "oracle.policy"

local function due(r, e)
  local slo = e.slo or {}
  return r.arrival + (r.timeout or slo.e2e or slo.ttft or 0)
end

return policy.batching {
  name = "edf",
  victim = "key",

  order = function(r, e, s)
    local when = due(r, e)
    s[r.id] = when
    return when
  end,

  ended = function(r, _, s) s[r.id] = nil end,

  step = function(b, e, s)
    if b:queue() > 0 and b:size() >= e.max_num_seqs then
      s.waiting, s.running = s.waiting or b:columns { "id" }, s.running or b:columns { "id" }
      local m, n = b:waiting(s.waiting), b:running(s.running)
      local waiting, running = s.waiting.id, s.running.id
      for i = 1, m do                                     -- in order of due times
        local latest
        for j = 1, n do
          local id = running[j]
          if id and (not latest or s[id] > s[running[latest]]) then latest = j end
        end
        if not latest or s[waiting[i]] >= s[running[latest]] then break end
        b:pause(running[latest])
        running[latest] = false
      end
    end
    local left = e.max_num_batched_tokens - b:continue(e.max_num_batched_tokens)
    if left > 0 then b:fill(left) end
  end,
}
