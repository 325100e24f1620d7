--- Static batching: waiting requests form a batch, and none joins it until all of it has ended.
-- Every request gets the blocks of its longest answer beforehand, as engines without paging do.
-- Source: the baseline of Yu et al., Orca, OSDI 2022, section 2 (request-level scheduling, FasterTransformer).
local policy = require "oracle.policy"

return policy.batching {
  name = "static",

  step = function(b, e, s)
    local left = e.max_num_batched_tokens - b:decode()
    if left > 0 then left = left - b:resume(left) end
    -- A new batch; s.room of it have not begun. Those that ran before this policy are one to which none is added.
    if b:size() == 0 then s.room = b:queue() end
    s.room = s.room or 0
    while s.room > 0 and left > 0 do
      local granted = b:admit_reserved(left)
      if granted == 0 then
        -- A prompt that must go whole may go in the next step; memory that is full stays full until the batch ends.
        if left == e.max_num_batched_tokens or b:head() <= left then s.room = 0 end
        break
      end
      left, s.room = left - granted, s.room - 1
    end
  end,
}
