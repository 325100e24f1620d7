--- Number formats: the rows of the engine's table (src/cost/dtype.c) by name, and what else they are called where.
local rows = require("oracle.core").cost.dtypes()

local formats = {}

--- Rows { name =, bits =, weight_bits =, floating =, weight_only =, peak = } by name, and in the table's order.
formats.of, formats.all = {}, rows

--- Names of the formats that a chip has a rate of its own for.
formats.PEAKS = {}

for _, row in ipairs(rows) do
  formats.of[row.name] = row
  if row.peak == row.name then formats.PEAKS[#formats.PEAKS + 1] = row.name end
end

-- What a use ("activations", "kv", "weights", "tensors", "method") writes -> the format meant.
local meant = {}
for _, alias in ipairs(rows.aliases) do
  for use, used in pairs(alias) do
    if used == true then
      meant[use] = meant[use] or {}
      meant[use][alias.name] = alias.is
    end
  end
end

--- The format that is meant by a name where it is used; nil where the name is none there.
-- @param use "activations", "kv", "weights" (a server's knobs), "tensors", "method" (a checkpoint's)
function formats.find(use, name)
  return meant[use][name]
end

--- The names that are used there, in the table's order, after those in `first`.
function formats.names(use, first)
  local names = { table.unpack(first or {}) }
  for _, alias in ipairs(rows.aliases) do
    if alias[use] then names[#names + 1] = alias.name end
  end
  return names
end

--- The format of quantised weights of so many bits, integers or floating; nil where there is none.
function formats.of_bits(bits, floating)
  for _, name in ipairs(formats.names "weights") do
    local row = formats.of[meant.weights[name]]
    if row.bits == bits and row.floating == floating then return row.name end
  end
end

return formats
