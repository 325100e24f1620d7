--- All cached blocks are worth the same: the least recently used gives way.
-- Source: vLLM v0.11, documentation, "Automatic Prefix Caching".
local policy = require "oracle.policy"

return policy.eviction {
  name = "lru",
  grade = function() return 0 end,
}
