--- Fair share per client: the client that has had the least service goes next. Service counts prompt tokens when they
-- are admitted and output tokens, dearer, as they come; a client that returns starts level with the least served one.
-- Source: Sheng et al., Fairness in Serving Large Language Models, OSDI 2024, algorithm 2 (VTC), weights of its
-- evaluation: 1 per input token, 2 per output token.
local policy = require "oracle.policy"

local function charge_these(s, n)
  for i = 1, n do
    local id, client = s.ids[i], s.clients[i]
    local fresh = s.tokens[i] - (s.paid[id] or 0)
    if fresh > 0 then
      s.service[client] = (s.service[client] or 0) + s.params.output_weight * fresh
      s.paid[id] = s.tokens[i]
    end
  end
end

-- Bring the counters up to date with the tokens that came out since the last look.
local function charge(b, s)
  charge_these(s, b:running(s.ids, nil, nil, nil, s.tokens, nil, s.clients))
  charge_these(s, b:waiting(s.ids, nil, nil, nil, s.tokens, nil, s.clients)) -- those sent back
end

-- A client with nobody here before is lifted to the least service among those that have someone here.
local function lift(s, client)
  local least
  for _, other in ipairs(s.active) do
    local service = s.service[other]
    if other ~= client and s.here[other] > 0 and service and (not least or service < least) then least = service end
  end
  local own = s.service[client] or 0
  s.service[client] = least and least > own and least or own
end

return policy.batching {
  name = "vtc",
  params = { input_weight = 1.0, output_weight = 2.0 },

  order = function(r, _, s)
    s.here, s.service, s.paid = s.here or {}, s.service or {}, s.paid or {}
    s.active, s.back = s.active or {}, s.back or {}
    if not s.here[r.client] then
      s.here[r.client] = 0
      s.active[#s.active + 1] = r.client
    end
    if s.here[r.client] == 0 then s.back[#s.back + 1] = r.client end -- lifted once the counters are up to date
    s.here[r.client] = s.here[r.client] + 1
    return r.id
  end,

  ended = function(r, _, s)
    local rest = r.generated - (s.paid[r.id] or 0)
    s.service[r.client] = (s.service[r.client] or 0) + s.params.output_weight * rest
    s.paid[r.id] = nil
    s.here[r.client] = s.here[r.client] - 1
  end,

  step = function(b, e, s)
    local left = e.max_num_batched_tokens - b:decode()
    if left > 0 then left = left - b:resume(left) end
    if b:queue() == 0 then return end
    s.ids, s.tokens, s.clients, s.prompts = s.ids or {}, s.tokens or {}, s.clients or {}, s.prompts or {}
    if #s.back > 0 then
      charge(b, s)
      for i = 1, #s.back do
        lift(s, s.back[i])
        s.back[i] = nil
      end
    end
    if b:size() >= e.max_num_seqs then return end
    charge(b, s)
    local n = b:waiting(s.ids, s.prompts, nil, nil, nil, nil, s.clients)
    while left > 0 do
      local best
      for i = 1, n do                                     -- each client's requests in order of arrival
        local id = s.ids[i]
        if id and (not best or s.service[s.clients[i]] < s.service[s.clients[best]]) then best = i end
      end
      local granted = best and b:admit(left, s.ids[best]) or 0
      if granted == 0 then break end
      local client = s.clients[best]
      s.service[client] = s.service[client] + s.params.input_weight * s.prompts[best]
      s.ids[best] = false
      left = left - granted
    end
  end,
}
