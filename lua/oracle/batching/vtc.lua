--- Fair share per client: the client that has had the least service goes next. Service counts prompt tokens when they
-- are admitted and output tokens, dearer, as they come; a client that returns starts level with the least served one.
-- Source: Sheng et al., Fairness in Serving Large Language Models, OSDI 2024, algorithm 2 (VTC), weights of its
-- evaluation: 1 per input token, 2 per output token.
local policy = require "oracle.policy"

return policy.batching {
  name = "vtc",
  params = { input_weight = 1.0, output_weight = 2.0 },

  order = function(r) return r.id end,

  step = function(b, e, s)
    local p = s.params
    if b:queue() > 0 then b:credit(p.output_weight) end        -- while all who ran are here
    local left = e.max_num_batched_tokens - b:continue(e.max_num_batched_tokens)
    while left > 0 and b:queue() > 0 and b:size() < e.max_num_seqs do
      local id, client, prompt = b:turn()
      local granted = b:admit(left, id)
      if granted == 0 then return b:call_again() end           -- as tokens come, it is another client's turn
      b:charge(client, p.input_weight * prompt)
      left = left - granted
    end
  end,
}
