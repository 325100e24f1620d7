--- One replica more while requests wait, one less when hardly any are in flight.
-- Source: the threshold rule of queueing theory's M/M/c with setup times: Gandhi, Harchol-Balter and Adan, Server farms
-- with setup costs, Performance Evaluation 67(11), 2010.
local policy = require "oracle.policy"

return policy.autoscaler {
  name = "queue_length",
  params = { high = 4, low = 1 },                         -- waiting per replica to add one; in flight to take one away

  scale = function(c, s)
    local n, waiting, flying = c:size(), c:held(), 0
    for i = 1, n do waiting, flying = waiting + c:waiting(i), flying + c:in_flight(i) end
    local present = n + c:starting()
    if waiting > s.params.high * math.max(1, n) then return present + 1 end
    if present > 1 and flying < s.params.low * present then return present - 1 end
    return present
  end,
}
