--- How long the LM head takes beside a layer, for stages that are to be balanced around it. By bytes of weights it is
-- worth several layers of a small model; a step full of prompt tokens reads it for the few positions that are sampled.
local balance = {}

-- Mean of a resolved distribution (oracle.dist), clamped as a whole; nil for kinds of which it is not looked for.
local MEANS = {
  constant = function(d) return d.a end,
  uniform = function(d) return (d.a + d.b) / 2 end,
  normal = function(d) return d.a end,
  lognormal = function(d) return math.exp(d.a + d.b ^ 2 / 2) end,
  exponential = function(d) return d.a end,
  gamma = function(d) return d.a * d.b end,
  geometric = function(d) return 1 / d.a end,
}

local function mean(d)
  if type(d) == "number" then return d end
  local of = type(d) == "table" and MEANS[d.kind]
  return of and math.max(d.min or 1, math.min(d.max or math.huge, of(d)))
end

local lengths

-- The same of several workloads at once, by their rates.
local function lengths_of_mix(profiles)
  local rates, prompts, outputs = 0, 0, 0
  for _, p in ipairs(profiles) do
    local prompt, output = lengths(p)
    if not prompt or type(p.rate) ~= "number" then return nil end
    rates, prompts, outputs = rates + p.rate, prompts + p.rate * prompt, outputs + p.rate * output
  end
  if rates > 0 then return prompts / rates, outputs / rates end
  return nil
end

-- Tokens of a request's prompt and answer on average; nil where the workload does not say them.
function lengths(w)
  if type(w) ~= "table" or w.conversation or w.prefix or w.prompt_pool or w.lengths then return nil end
  if w.profiles then return lengths_of_mix(w.profiles) end
  local prompt, output = mean(w.prompt), mean(w.output)
  if prompt and output then return math.max(1, prompt), math.max(1, output) end
  return nil
end

--- The mean step of a pipeline that is full: as many sequences in each of its batches as `max_num_seqs` lets in, and
-- the prompt tokens that keep their number; fewer of both where `max_num_batched_tokens` says so.
-- @param e the checked knobs
-- @param w the resolved workload
-- @param role "all", "prefill" or "decode"
-- @return what oracle.core's cost.step takes as `shape`, or nil where the workload does not say how long requests are
function balance.step(e, w, role)
  local prompt, output = lengths(w)
  if not prompt then return nil end
  local seqs = math.min(e.max_num_seqs, w.concurrency or math.huge) / e.pipeline_parallel_size
  local decodes, prompts = seqs, seqs / output            -- sequences that decode, prompts that end, in a step
  if role == "decode" then prompts = 0 end
  if role == "prefill" then decodes, prompts = 0, math.huge end
  local budget = e.max_num_batched_tokens
  if decodes == 0 then
    prompts = budget / prompt
  else
    local share = math.min(1, budget / (decodes + prompts * prompt))
    decodes, prompts = decodes * share, prompts * share
  end
  local function whole(x) return math.floor(x + 0.5) end
  local n, tokens = whole(decodes), whole(prompts * prompt)
  if n + tokens == 0 then n = 1 end
  return {
    decode_seqs = n, decode_context = whole(n * (prompt + output / 2)), prefill_tokens = tokens,
    prefill_seqs = math.min(tokens, math.max(whole(prompts), 1)),
    prefill_pairs = tokens * (prompt + 1) / 2, sampled = math.max(1, n + whole(prompts)),
  }
end

--- Layers that the LM head takes as long as in that step; nil where it cannot be told: weights then decide.
-- @param core oracle.core
-- @param d { model =, hardware =, layout =, cost = or nil: the roofline's defaults, engine =, workload =, role = }
function balance.head_layers(core, d)
  local shape = balance.step(d.engine, d.workload, d.role)
  if not shape then return nil end
  local ok, t = pcall(core.cost.step, { model = d.model, hardware = d.hardware, layout = d.layout, cost = d.cost,
                                        shape = shape })
  if not ok or t.total <= t.lm_head then return nil end
  return t.lm_head / ((t.total - t.lm_head) / d.model.num_hidden_layers)
end

return balance
