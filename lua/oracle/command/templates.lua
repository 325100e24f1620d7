--- What `oracle new` writes: a policy of each kind that works, to change. @NAME@ and @FILE@ are its name and file.
local templates = {}

templates.batching = [[
--- @NAME@: what it does and why, in a line or two.
-- Try it:    oracle scenarios/quickstart.lua --set batching=@FILE@
-- Check it:  oracle check policy @FILE@
-- Compare:   oracle compare chunked @FILE@ scenarios/quickstart.lua
local policy = require "oracle.policy"

return policy.batching {
  name = "@NAME@",
  params = { share = 0.5 },          -- a scenario sets it: batching = { "@FILE@", share = 0.25 }

  -- The place of an arrival in the queue: smaller goes first. Here: in order of arrival.
  -- `r` has id, prompt (tokens), max_output, arrival (s), client, session, priority, timeout (s).
  order = function(r)
    return r.id
  end,

  -- Forms a step of a replica. `b` has the verbs and is valid only here; `e` holds the engine's knobs;
  -- `s` is this replica's own table, with the parameters above in s.params.
  step = function(b, e, s)
    local left = e.max_num_batched_tokens - b:decode()     -- one token for each running request
    local prompts = left * s.params.share // 1 | 0         -- of the rest, what prompts may have
    if prompts < 1 then prompts = left > 0 and 1 or 0 end
    if prompts > 0 then prompts = prompts - b:resume(prompts) end -- prompts begun in earlier steps
    while prompts > 0 do
      local granted = b:admit(prompts)                     -- the head of the queue; 0: nothing fits
      if granted == 0 then break end
      prompts = prompts - granted
    end
  end,
}
]]

templates.router = [[
--- @NAME@: what it does and why, in a line or two.
-- Try it:    oracle scenarios/quickstart.lua --set replicas=4 --set router=@FILE@
-- Check it:  oracle check policy @FILE@
-- Compare:   oracle compare round_robin @FILE@ scenarios/compare.lua
local policy = require "oracle.policy"

return policy.router {
  name = "@NAME@",
  params = { weight = 1.0 },         -- a scenario sets it: router = { "@FILE@", weight = 0.5 }

  -- The place, from 1 to c:size() among the replicas that are ready, of the arriving request `r`, which has id,
  -- prompt (tokens), max_output, arrival (s), client, session, priority, timeout (s). `s` is the router's own table,
  -- with the parameters above in s.params.
  -- Here: where least is to be done, counting what a request still has to compute there.
  route = function(c, r, s)
    local best, least = 1, math.huge
    for i = 1, c:size() do
      local prompt = r.prompt - c:prefix_match(i)          -- tokens of it that are not in the cache there
      local load = c:backlog(i) + s.params.weight * prompt + c:in_flight(i)
      if load < least then best, least = i, load end
    end
    return best
  end,
}
]]

templates.admission = [[
--- @NAME@: what it does and why, in a line or two.
-- Try it:    oracle scenarios/quickstart.lua --set admission=@FILE@
-- Check it:  oracle check policy @FILE@
-- Compare:   oracle compare always @FILE@ scenarios/compare.lua
local policy = require "oracle.policy"

return policy.admission {
  name = "@NAME@",
  params = { longest = 50 },         -- a scenario sets it: admission = { "@FILE@", longest = 100 }

  -- Whether the arriving request `r` is served at all: true or false; one that is not ends REJECTED.
  -- `c` shows the replicas; `s` is the policy's own table, with the parameters above in s.params.
  -- Here: while fewer than so many wait where it would go.
  admit = function(c, r, s)
    return c:waiting(c:least()) < s.params.longest
  end,
}
]]

templates.autoscaler = [[
--- @NAME@: what it does and why, in a line or two.
-- Try it:    oracle scenarios/quickstart.lua --set autoscaling.policy=@FILE@ \
--                --set autoscaling.max=4 --set autoscaling.cold_start=30
-- Check it:  oracle check policy @FILE@
local policy = require "oracle.policy"

return policy.autoscaler {
  name = "@NAME@",
  params = { each = 16 },            -- a scenario sets it: autoscaling = { policy = { "@FILE@", each = 8 }, ... }

  -- How many replicas there should be; asked every autoscaling.interval.
  -- `c` shows the replicas; `s` is the policy's own table, with the parameters above in s.params.
  -- Here: one for so many requests in flight.
  scale = function(c, s)
    local requests = c:held()                              -- those that wait because no replica is ready
    for i = 1, c:size() do requests = requests + c:in_flight(i) end
    return math.ceil(requests / s.params.each)
  end,
}
]]

templates.eviction = [[
--- @NAME@: what it does and why, in a line or two.
-- Try it:    oracle scenarios/quickstart.lua --set workload.prompt_pool=50 --set eviction=@FILE@
-- Check it:  oracle check policy @FILE@
-- Compare:   oracle compare lru @FILE@ SCENARIO.lua
local policy = require "oracle.policy"

return policy.eviction {
  name = "@NAME@",
  params = { long = 1000 },          -- tokens; a scenario sets it: eviction = { "@FILE@", long = 500 }

  -- What the cached blocks of a request are worth as it gives them back: 0 to 3; lower grades give way first.
  -- `r` has id, prompt (tokens), max_output, generated, client, session, priority.
  -- Here: what took long to compute is kept longer.
  grade = function(r, s)
    return r.prompt >= s.params.long and 1 or 0
  end,
}
]]

templates.policy = templates.batching

return templates
