--- Every call of the system and a sample of those for memory fails once, in every command of tests/faults/faults.lua.
-- usage: lua tools/faults.lua MOST [CASE [KIND]]     MOST: how many n of a case and kind are tried; beyond it a sample
local faults = require "faults"

local most, only, kind_only = tonumber(arg[1]), arg[2], arg[3]
local random = 20260101

-- A sample of 1..count: all where there is room for it, else the first ones, and then one of each of equal parts.
local function sample(count)
  local list = {}
  if count <= most then
    for i = 1, count do list[i] = i end
    return list
  end
  local begin = most // 4
  for i = 1, begin do list[i] = i end
  local part = (count - begin) / (most - begin)
  for i = 1, most - begin do
    random = (random * 1103515245 + 12345) & 0x7fffffff
    list[#list + 1] = begin + math.floor((i - 1) * part + random / 0x80000000 * part) + 1
  end
  return list
end

local tried, bad, absorbed = 0, 0, 0
for _, name in ipairs(only and { only } or faults.names) do
  local case = faults.case(name)
  for _, kind in ipairs(kind_only and { kind_only } or faults.kinds) do
    local count, wrong_here = faults.count(case, kind), 0
    local list = sample(count)
    for i, n in ipairs(list) do
      -- One that fails alone Lua asks for again after it has collected garbage: half of them fail for good.
      local wrong, code = faults.try(case, kind, n, kind == "memory" and i % 2 == 0)
      tried = tried + 1
      if code == 0 then absorbed = absorbed + 1 end
      if wrong then
        bad, wrong_here = bad + 1, wrong_here + 1
        io.stderr:write("FAIL  ", wrong, "\n")
      end
    end
    print(("%-10s %-9s %6d calls, %4d of them failed%s"):format(name, kind, count, #list,
      wrong_here > 0 and (", %d wrong"):format(wrong_here) or ""))
  end
end
print(("%d of the faults did no harm: the results were whole"):format(absorbed))
print(("%d passed, %d failed"):format(tried - bad, bad))
os.exit(bad == 0)
