--- Fields of oracle.scenario.schema that several of its sections have.
local fields = {}

-- A field is { key, type, ... }; `section` makes one that holds others: { key, fields, ... }.
function fields.section(node)
  local inner = node[2] or {}
  node.type, node.fields, node.order = "section", {}, {}
  for _, f in ipairs(inner) do
    node.fields[f[1]], node.order[#node.order + 1] = f, f[1]
    f.type = f.type or f[2]
  end
  return node
end

--- A time, in seconds or with a unit.
function fields.seconds(name, doc, extra)
  local f = { name, "number", dimension = "time", min = 0, max = 1e9, doc = doc }
  for k, v in pairs(extra or {}) do f[k] = v end
  return f
end

--- A rate of requests.
function fields.rate(doc, extra)
  local f = { "rate", "number", dimension = "req/s", min = 0, open = true, max = 1e9, doc = doc }
  for k, v in pairs(extra or {}) do f[k] = v end
  return f
end

return fields
