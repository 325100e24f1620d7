--- vLLM V1's scheduler with its KV cache manager, written plainly, by version: what a case's requests get when. It
-- knows nothing of the engine it is to judge.
local engine = require "schedulers.vllm.engine"

local vllm = {}

-- A case as the files of schedules state it. Returns its outcome in the same form: { steps = { { start ms, { request =
-- tokens }, blocks in use, { preempted }, scheduled at ms }, ... }, requests = { name = { arrival_ms, prompt_tokens,
-- first_token_ms, finish_ms, preemptions, cached_tokens, tokens_after_end } } }.
function vllm.run(case)
  local e = engine.simulate(case)
  local outcome = { steps = {}, requests = {} }
  for i, step in ipairs(e.steps) do
    local tokens, preempted = {}, {}
    for _, r in ipairs(step.order) do tokens[r.name] = step.tokens[r] end
    for k, r in ipairs(step.told) do preempted[k] = r.name end
    outcome.steps[i] = { step.start, tokens, step.used, preempted, step.made }
  end
  for _, r in ipairs(e.requests) do
    outcome.requests[r.name] = { arrival_ms = r.arrival, prompt_tokens = r.prompt, first_token_ms = r.first,
                                 finish_ms = r.finish, preemptions = r.preemptions, cached_tokens = r.cached or 0,
                                 tokens_after_end = r.after_end }
  end
  return outcome
end

return vllm
