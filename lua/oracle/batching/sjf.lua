--- Shortest prompt first: of what a server knows when a request arrives, the prompt tells best how long it takes.
-- Source: Schrage and Miller, The queue M/G/1 with the shortest remaining processing time discipline, Operations
-- Research 14(4), 1966, for why short jobs first; the true output length is left to srpt, which is clairvoyant.
local policy = require "oracle.policy"

return policy.batching {
  name = "sjf",
  order = function(r) return r.prompt end,
}
