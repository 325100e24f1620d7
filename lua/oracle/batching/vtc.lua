--- Fair share per client: the client that has had the least service goes next. Service counts prompt tokens when they
-- are admitted and output tokens, dearer, as they come; a client that returns starts level with the least served one.
-- Source: Sheng et al., Fairness in Serving Large Language Models, OSDI 2024, algorithm 2 (VTC), weights of its
-- evaluation: 1 per input token, 2 per output token.
local policy = require "oracle.policy"

-- Who waits is kept in a line for each client, by arrival, so that a long queue is not looked through at every step.
local function join(s, client, id, prompt)
  local line = s.lines[client]
  if not line then
    line = { first = 1, last = 0 }
    s.lines[client] = line
    s.clients[#s.clients + 1] = client
  end
  line.last = line.last + 1
  line[line.last] = id
  s.owner[id], s.prompt[id] = client, prompt
  s.count = s.count + 1
end

-- The first of a client's line that still waits; nil: none does.
local function head(s, client)
  local line = s.lines[client]
  while line.first <= line.last do
    local id = line[line.first]
    if s.owner[id] == client and not s.on[id] then return id end
    line[line.first] = nil
    line.first = line.first + 1
  end
end

-- Back to its place in a line, by arrival: mostly the first.
local function put_back(line, id)
  local at = line.first - 1
  line.first = at
  while at < line.last and line[at + 1] < id do
    line[at] = line[at + 1]
    at = at + 1
  end
  line[at] = id
end

-- Those who were sent back are in their lines again.
local function take_back(b, s)
  local here, cols = {}, s.cols
  for i = 1, b:running(cols) do here[cols.id[i]] = true end
  for id in pairs(s.on) do
    if not here[id] then
      put_back(s.lines[s.owner[id]], id)
      s.on[id], s.count = nil, s.count + 1
    end
  end
end

-- The lines anew from the queue: requests came without an arrival (from another replica, from lower tiers).
local function line_up(b, s)
  s.lines, s.clients, s.owner, s.prompt, s.on, s.count = {}, {}, {}, {}, {}, 0
  local cols = s.cols
  local n = b:running(cols)
  for i = 1, n do
    join(s, cols.client[i], cols.id[i], cols.prompt[i])
    s.on[cols.id[i]] = true
  end
  for i = 1, b:waiting(cols) do
    join(s, cols.client[i], cols.id[i], cols.prompt[i])
  end
  s.count = s.count - n
end

-- A client without requests here before is lifted to the least service among those that have some here.
local function lift(s, client)
  local least
  for _, other in ipairs(s.active) do
    local service = s.service[other]
    if other ~= client and s.here[other] > 0 and service and (not least or service < least) then least = service end
  end
  local own = s.service[client] or 0
  s.service[client] = least and least > own and least or own
end

-- Tables that the policy keeps, made when they are first needed.
local function open(s)
  if s.here then return end
  s.here, s.service, s.active, s.back = {}, {}, {}, {}
  s.lines, s.clients, s.owner, s.prompt, s.on, s.count = {}, {}, {}, {}, {}, 0
end

local function arrive(s, client)
  if not s.here[client] then
    s.here[client] = 0
    s.active[#s.active + 1] = client
  end
  if s.here[client] == 0 then s.back[#s.back + 1] = client end -- lifted once the counters are up to date
  s.here[client] = s.here[client] + 1
end

-- The next request of the least served client, of equals the first that came.
local function next_of(s)
  local best, least
  for _, client in ipairs(s.clients) do
    local service = s.service[client] or 0
    if not best or service <= least then
      local id = head(s, client)
      if id and (not best or service < least or id < best) then best, least = id, service end
    end
  end
  return best
end

return policy.batching {
  name = "vtc",
  params = { input_weight = 1.0, output_weight = 2.0 },

  order = function(r, _, s)
    open(s)
    arrive(s, r.client)
    s.on[r.id] = nil
    join(s, r.client, r.id, r.prompt)
    return r.id
  end,

  ended = function(r, _, s)
    open(s)
    local rest = r.generated - r.credited
    s.service[r.client] = (s.service[r.client] or 0) + s.params.output_weight * rest
    s.here[r.client] = math.max(0, (s.here[r.client] or 0) - 1)
    if s.owner[r.id] and not s.on[r.id] then s.count = s.count - 1 end
    s.owner[r.id], s.prompt[r.id], s.on[r.id] = nil, nil, nil
  end,

  step = function(b, e, s)
    open(s)
    s.cols = s.cols or b:columns { "id", "client", "prompt" }
    if b:queue() > 0 then b:credit(s.service, s.params.output_weight) end -- while all who ran are here
    local left = e.max_num_batched_tokens - b:continue(e.max_num_batched_tokens)
    if b:preempted() > 0 then take_back(b, s) end
    if b:queue() == 0 then return end
    if s.count ~= b:queue() then line_up(b, s) end
    if #s.back > 0 then
      for i = 1, #s.back do
        lift(s, s.back[i])
        s.back[i] = nil
      end
    end
    if b:size() >= e.max_num_seqs then return end
    while left > 0 do
      local id = next_of(s)
      local granted = id and b:admit(left, id) or 0
      if granted == 0 then
        b:call_again()                                         -- as tokens come, it is another client's turn
        break
      end
      local client = s.owner[id]
      s.service[client] = (s.service[client] or 0) + s.params.input_weight * s.prompt[id]
      s.on[id], s.count = true, s.count - 1
      left = left - granted
    end
  end,
}
