--- What prompts begin with: named prefixes and their lengths, and patterns as the engine takes them.
-- A prefix is known by its type and name; prompts of any profile that begin with one share its KV blocks.
local lazy = require "oracle.lazy"
local spelling = lazy "oracle.text.spelling"

local prefix = {}

--- Tokens of the prefixes that have a name: system prompts and few-shot examples of the usual sizes.
prefix.TOKENS = {
  system = { helpful_assistant = 50, code_assistant = 50, translation = 40, summarization = 60, creative_writing = 80 },
  few_shot = { classification_3shot = 300, qa_5shot = 500, translation_2shot = 200 },
  instruction = { analyze_data = 100, write_code = 150, explain_concept = 120 },
}

-- The name a type has when none is given.
local DEFAULT = { system = "helpful_assistant", few_shot = "classification_3shot", instruction = "analyze_data" }

local function names_of(kind)
  local names = {}
  for name in pairs(prefix.TOKENS[kind]) do names[#names + 1] = name end
  table.sort(names)
  return names
end

-- { id = "type/name", tokens = } of one part; nil and a message.
local function part(c, path)
  local name = c.name or DEFAULT[c.type]
  local tokens = c.tokens or prefix.TOKENS[c.type][name]
  if not tokens then
    local names = names_of(c.type)
    local near = spelling.find(name, names)
    return nil, ('%s.name: "%s": unknown %s prefix and no tokens given; %s'):format(path, name, c.type,
      near and ('did you mean "%s"?'):format(near) or "known: " .. table.concat(names, ", "))
  end
  return { id = c.type .. "/" .. name, tokens = tokens }
end

local function parts_of(p, path)
  if p.type == "random" then
    if p.name or p.tokens then return nil, path .. ".type: random has no prefix, so neither name nor tokens" end
    return {}
  end
  if p.type ~= "mixed" then
    if p.components then return nil, path .. ".components: only with type mixed" end
    local one, why = part(p, path)
    return one and { one }, why
  end
  if not p.components then return nil, path .. ".components: missing; type mixed is made of them" end
  if p.name or p.tokens then return nil, path .. ".components: the parts have names and tokens, the whole has not" end
  local parts = {}
  for i, c in ipairs(p.components) do
    local one, why = part(c, ("%s.components[%d]"):format(path, i))
    if not one then return nil, why end
    parts[i] = one
  end
  return parts
end

--- The engine's form of a checked list of patterns: { { weight =, variants =, parts = { { id =, tokens = }, ... } } }.
-- @return the list; or nil and a message "prefix[i]...: what"
function prefix.engine(patterns)
  local out, total = {}, 0
  for i, p in ipairs(patterns) do
    local parts, why = parts_of(p, ("prefix[%d]"):format(i))
    if not parts then return nil, why end
    out[i] = { weight = p.weight, variants = p.variants, parts = parts }
    total = total + p.weight
  end
  if total <= 0 then return nil, "prefix: all weights are zero" end
  return out
end

return prefix
