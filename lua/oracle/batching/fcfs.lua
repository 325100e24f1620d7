--- First come first served without mixing: prompts that wait go first, alone; decodes pause meanwhile.
-- A prompt is begun only when its KV cache fits whole.
-- Source: vLLM V0's default scheduler (Kwon et al., SOSP 2023, section 4.5): prefills before decodes.
local policy = require "oracle.policy"

return policy.batching {
  name = "fcfs",

  step = function(b, e)
    local left = e.max_num_batched_tokens
    left = left - b:resume(left)
    while left > 0 and b:size() < e.max_num_seqs do
      local tokens, blocks = b:head()
      if tokens == 0 or blocks > b:free() then break end
      local granted = b:admit(left)
      if granted == 0 then break end
      left = left - granted
    end
    if left == e.max_num_batched_tokens then b:decode() end
  end,
}
