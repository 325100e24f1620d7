--- Conversations are kept longer than what was asked once: their next turn will ask for the same blocks again.
-- Source: after the workload-aware eviction of Wang et al., KVCache Cache in the Wild, USENIX ATC 2025, section 4,
-- which tells kinds of requests apart by how likely their blocks are used again.
local policy = require "oracle.policy"

return policy.eviction {
  name = "conversations",
  grade = function(r) return r.session ~= 0 and 1 or 0 end,
}
