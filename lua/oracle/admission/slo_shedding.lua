--- Sheds load: a request is turned away when even the shortest backlog would make its first token late.
-- How long a backlog takes is told from the steps that computed prompts so far.
-- Source: after Wang et al., Revisiting SLO and Goodput Metrics in LLM Serving, arXiv:2410.14257, and the early
-- rejection of Qin et al., Mooncake, FAST 2025, section 6 (a request whose TTFT is predicted to miss its objective is
-- rejected).
local policy = require "oracle.policy"

return policy.admission {
  name = "slo_shedding",
  objective = "ttft",
  params = { ttft = 0.0, margin = 1.0 },                  -- s, 0: the scenario's slo.ttft; share of it that may be used

  admit = function(c, r, s)
    local limit = s.params.ttft > 0 and s.params.ttft or s.params.slo.ttft
    local n, best = c:size(), nil
    s.rate = s.rate or {}
    for i = 1, n do
      local seconds, tokens = c:last(i)
      if tokens >= 256 then                               -- a step that held prompts, not decodes alone
        s.rate[i] = 0.9 * (s.rate[i] or tokens / seconds) + 0.1 * tokens / seconds
      end
      local wait = s.rate[i] and (c:backlog(i) + r.prompt) / s.rate[i] + seconds or 0
      if not best or wait < best then best = wait end
    end
    return not best or best <= limit * s.params.margin
  end,
}
