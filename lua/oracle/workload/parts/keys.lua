--- The keys that several kinds of workloads have. Each kind's file puts its own together from them.
local fields = require "oracle.scenario.fields"

local section, seconds, rate = fields.section, fields.seconds, fields.rate

local keys = {}

local PRIORITY = { "priority", "dist", doc = "a number per request; smaller goes first" }
local COUNT = { "count", "count", dimension = "requests", min = 1, max = 1000000000000, doc = "requests in all" }
local DURATION = seconds("duration", "how long requests arrive", { open = true })
local LENGTHS = {
  { "prompt", "dist", least = 1, required = true, unless = "lengths", or_function = true,
    doc = "tokens of a prompt: a number, a distribution or function(rng, i, t)" },
  { "output", "dist", least = 1, required = true, unless = "lengths", or_function = true,
    doc = "tokens generated: a number, a distribution or function(rng, i, t, prompt)" },
  { "lengths", "lengths", doc = "both at once: function(rng, i, t) -> prompt, output, or pairs of a file" },
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

-- What a prompt begins with; oracle.workload.parts.prefix holds the names and their lengths.
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
  { "input", "dist", least = 1, or_function = true, doc = "tokens the user adds in a later turn; drawn as prompt" },
  { "accumulate", "boolean", default = true, doc = "a prompt holds all earlier turns and their answers" },
}
local function with(first, rest)
  return table.move(rest, 1, #rest, #first + 1, first)
end
local CONVERSATION = section { "conversation", with({
  { "probability", "number", dimension = "ratio", min = 0, max = 1, default = 1,
    doc = "share of the requests that open a session" },
  { "first_follow_up", "boolean", default = false,
    doc = "a session has a second turn for sure; continue_probability decides from there on" },
}, TURNS), doc = "requests that are followed by others which continue them" }

local CONTENT = {
  { "name", "string", doc = "of the profile in results" },
  { "prompt_pool", "count", min = 1, max = 1000000000, doc = "re-ask so many different prompts in turn" },
}
local SYNTHETIC = { PRIORITY, PREFIX,
  { "streaming", "number", dimension = "ratio", min = 0, max = 1,
    doc = "share of the requests whose answer is streamed; all" } }

--- A rate that a function may give; `workload.arrivals` says where.
function keys.varying(doc)
  return rate(doc .. "; or function(t), with rate_max", { or_function = true })
end

keys.RATE_MAX = rate("the most that rate(t) ever returns", {})
keys.RATE_MAX[1] = "rate_max"
keys.STAGES, keys.COUNT, keys.DURATION, keys.TURNS, keys.rate = STAGES, COUNT, DURATION, TURNS, rate

keys.INTER_ARRIVAL = { "inter_arrival", "dist", dimension = "time", least = 0, required = true,
                       doc = "s between two arrivals: a number or a distribution" }
keys.CV = { "cv", "number", min = 0.001, max = 1000,
            doc = "coefficient of variation of the gaps; 1 is poisson" }

local function join(lists)
  local all = {}
  for _, list in ipairs(lists) do table.move(list, 1, #list, #all + 1, all) end
  return all
end

--- Keys of a kind whose requests are drawn, and those of `more` behind them.
-- @param own the kind's own keys
function keys.drawn(own, more)
  return join { own, LENGTHS, CLIENT, CONTENT, SYNTHETIC, more or { CONVERSATION } }
end

--- Keys of a kind whose requests are recorded.
-- @param own the kind's own keys
function keys.recorded(own)
  return join { own, { TIMEOUT }, CONTENT }
end

return keys
