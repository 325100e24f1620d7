--- The keys of workloads, kind by kind: the `workload` of oracle.schema.
local fields = require "oracle.fields"

local section, seconds, rate = fields.section, fields.seconds, fields.rate

local PRIORITY = { "priority", "dist", doc = "a number per request; smaller goes first" }
local COUNT = { "count", "count", dimension = "requests", min = 1, max = 1000000000000, doc = "requests in all" }
local DURATION = seconds("duration", "how long requests arrive", { open = true })
local LENGTHS = {
  { "prompt", "dist", least = 1, required = true, doc = "tokens of a prompt: a number or a distribution" },
  { "output", "dist", least = 1, required = true, doc = "tokens generated: a number or a distribution" },
}
local TIMEOUT = seconds("timeout", "from arrival until the client gives up", { open = true })
local CLIENT = { TIMEOUT,
  section { "cancel", doc = "clients that leave early", {
    { "probability", "number", dimension = "ratio", min = 0, max = 1, required = true, doc = "share that cancels" },
    { "after", "dist", dimension = "time", least = 0, required = true, doc = "s from arrival until they do" },
  } },
}

local STAGES = { "stages", "list", doc = "{ { rate =, duration = }, ... } one after the other",
                 of = section { "stage", { rate("requests per second", { required = true, open = false }),
                                           seconds("duration", "of the stage", { required = true, open = true }) } } }

-- What a prompt begins with; oracle.workload.prefix holds the names and their lengths.
local PREFIX_TYPES = { "system", "few_shot", "instruction", "mixed", "random" }
local PREFIX_TOKENS = { "tokens", "count", dimension = "tokens", min = 1, max = 100000000,
                        doc = "length of the prefix; as its name says" }
local PREFIX_COMPONENT = section { "component", {
  { "type", "choice", values = { "system", "few_shot", "instruction" }, default = "system", doc = "what it is" },
  { "name", "string", doc = "prompts with prefixes of one name share them" }, PREFIX_TOKENS,
} }
local PREFIX = { "prefix", "list", wrap = true, doc = "what prompts begin with: a pattern, or a list of them",
                 of = section { "pattern", {
  { "type", "choice", values = PREFIX_TYPES, default = "system", doc = "what it is; random: no prefix" },
  { "name", "string", doc = "prompts with prefixes of one name share them" }, PREFIX_TOKENS,
  { "weight", "number", min = 0, max = 1e9, default = 1, doc = "share of the requests, over the sum of weights" },
  { "variants", "count", min = 1, max = 1000000000, default = 1, doc = "as many different texts, each as likely" },
  { "components", "list", of = PREFIX_COMPONENT, doc = "type mixed: the parts, one after the other" },
} } }

local TURNS = {
  { "turns", "dist", least = 1, doc = "turns of a session; or continue_probability, turn by turn" },
  { "continue_probability", "number", dimension = "ratio", min = 0, max = 1,
    doc = "that another turn follows an answer; 0.7" },
  { "max_turns", "count", min = 1, max = 65535, default = 10, doc = "no session is longer" },
  { "think", "dist", dimension = "time", least = 0, doc = "s from an answer to the next turn; 5 s" },
  { "input", "dist", least = 1, doc = "tokens the user adds in a later turn; drawn as prompt" },
  { "accumulate", "boolean", default = true, doc = "a prompt holds all earlier turns and their answers" },
}
local function with(first, rest)
  return table.move(rest, 1, #rest, #first + 1, first)
end
local CONVERSATION = section { "conversation", with({
  { "probability", "number", dimension = "ratio", min = 0, max = 1, default = 1,
    doc = "share of the requests that open a session" },
}, TURNS), doc = "requests that are followed by others which continue them" }

local CONTENT = {
  { "name", "string", doc = "of the profile in results" },
  { "prompt_pool", "count", min = 1, max = 1000000000, doc = "re-ask so many different prompts in turn" },
}
local SYNTHETIC = { PRIORITY, PREFIX,
  { "streaming", "number", dimension = "ratio", min = 0, max = 1,
    doc = "share of the requests whose answer is streamed; all" } }

local function generator(doc, own, options)
  options = options or {}
  local all = {}
  for _, list in ipairs { own, options.lengths or LENGTHS, options.lengths and { TIMEOUT } or CLIENT, CONTENT,
                          options.lengths and {} or SYNTHETIC,
                          (options.lengths or options.turns) and {} or { CONVERSATION }, options.turns or {} } do
    for _, f in ipairs(list) do all[#all + 1] = f end
  end
  return section { "workload", all, doc = doc }
end

local INTER_ARRIVAL = { "inter_arrival", "dist", dimension = "time", least = 0, required = true,
                        doc = "s between two arrivals: a number or a distribution" }
local CV = { "cv", "number", min = 0, open = true, max = 1000,
             doc = "coefficient of variation of the gaps; 1 is poisson" }

local workload = { "workload", type = "variant", tag = "kind", required = true,
                   doc = "the requests: oracle.workload.poisson { ... } and so on", kinds = {
  poisson = generator("independent arrivals", { rate("mean requests per second"), STAGES, COUNT, DURATION }),
  gamma = generator("bursty arrivals", {
    rate("mean requests per second"), STAGES, COUNT, DURATION,
    CV,
    { "burstiness", "number", min = 0, open = true, max = 1000000,
      doc = "as in vllm bench: 1/cv^2; below 1 more bursty than poisson" },
  }),
  constant = generator("evenly spaced arrivals", { rate("requests per second"), STAGES, COUNT, DURATION }),
  closed_loop = generator("a fixed number of clients, each asks again when answered", {
    { "concurrency", "count", min = 1, max = 8388608, required = true, doc = "clients" },
    { "think", "dist", dimension = "time", least = 0, doc = "s from an answer to the client's next request" },
    COUNT, DURATION,
  }),
  batch = generator("all requests at time 0", {
    { "count", "count", dimension = "requests", min = 1, max = 1000000000, required = true, doc = "requests" },
  }),
  renewal = generator("independent gaps of any distribution", { INTER_ARRIVAL, COUNT, DURATION }),
  sessions = generator("conversations that open at a rate; each turn waits for the answer before it", {
    rate("sessions that open per second"), STAGES, CV,
    { "inter_arrival", "dist", dimension = "time", least = 0, doc = "s between two openings, in place of rate" }, COUNT,
    DURATION,
  }, { turns = TURNS }),
  trace = generator("recorded arrivals; the format is told from the header", {
    { "path", "path", required = true, doc = "the file; .gz is fine" },
    rate("requests per second, where the file holds no times (ShareGPT)"),
    { "characters_per_token", "number", min = 0, open = true, max = 1000, default = 4,
      doc = "where the file holds text and no counts (ShareGPT)" },
    { "rate_scale", "number", min = 0, open = true, max = 1e6, default = 1, doc = "2: arrivals twice as fast" },
    seconds("from", "of the trace's own time: earlier requests are left out", { default = 0 }),
    seconds("to", "of the trace's own time: later requests are left out", { open = true }), COUNT,
  }, { lengths = {} }),
} }

-- Profiles are workloads of their own kinds; a mix holds no mix.
local one_kind = {}
for kind, node in pairs(workload.kinds) do one_kind[kind] = node end
local WEIGHT = { "weight", "number", min = 0, max = 1e9,
                 doc = "share of the rate of the mix; without effect beside a rate of its own" }
for _, kind in ipairs { "poisson", "gamma", "constant", "closed_loop", "batch", "renewal", "sessions", "trace" } do
  local node = one_kind[kind]
  local all = table.move(node[2], 1, #node[2], 1, {})
  all[#all + 1] = WEIGHT
  one_kind[kind] = section { "profile", all, doc = node.doc }
end
workload.kinds.mix = section { "workload", {
  { "profiles", "list", required = true, doc = "workloads that go on side by side, each with its own arrivals",
    of = { "profile", type = "variant", tag = "kind", kinds = one_kind } },
  rate("requests per second of all profiles without a rate of their own, split by weight"), COUNT, DURATION,
}, doc = "several workloads at once, reported by name" }

return workload
