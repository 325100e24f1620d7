--- Which tests run which functions of C and which lines of Lua, as the programs of `make REACH=1` note them.
local active_lines = require "active_lines"
local read = require "copy".read

local reach = {}

--- The functions of the library: a list of { at, where }, `where` as "src/cost/op.c:4", the line it begins in.
function reach.functions(library)
  local list, input = {}, os.tmpname()
  local addresses = assert(io.open(input, "w"))
  for line in io.popen(("nm --defined-only '%s'"):format(library)):lines() do
    local at = line:match "^(%x+) [tTwW] "
    if at then
      list[#list + 1] = { at = tonumber(at, 16) }
      addresses:write(at, "\n")
    end
  end
  addresses:close()
  local i = 0
  for line in io.popen(("addr2line -e '%s' <'%s'"):format(library, input)):lines() do
    i = i + 1
    list[i].where = line:match "(src/[^:]+:%d+)"
  end
  os.remove(input)
  return list
end

--- What one run reached: a set of "src/cost/op.c:4", where functions begin, and of "lua/oracle/init.lua:7".
function reach.of(functions, marks, lines)
  local set, bytes = {}, read(marks) or ""
  for _, f in ipairs(functions) do
    if f.where and bytes:byte(f.at + 1) == 1 then set[f.where] = true end
  end
  for name in io.popen(("ls '%s'"):format(lines)):lines() do
    local path = name:gsub("%.lua$", ""):gsub("%.", "/") .. ".lua"
    local ran = read(lines .. "/" .. name)
    local at = ran:find("\1", 1, true)
    while at do
      set[("%s:%d"):format(path, at - 1)] = true
      at = ran:find("\1", at + 1, true)
    end
  end
  return set
end

-- The C functions of a text, by the house's style: a body stands between brackets in the first column.
local function bodies(text)
  local list, n, last, first = {}, 0, 0, nil
  for line in text:gmatch "([^\n]*)\n" do
    n = n + 1
    if line == "{" then first = n end
    if line == "}" and first then
      list[#list + 1] = { after = last, first = first, last = n }
      last, first = n, nil
    end
  end
  return list
end

--- A function that says whether a set (`reach.of`) has the code at `line` of the file. What stands in no function of C
-- counts as reached where anything of the file is.
function reach.at(path, text, line)
  if path:find "%.lua$" then
    local active = active_lines(assert(load(text, "@" .. path)))
    while line > 1 and not active[line] do line = line - 1 end -- an expression goes on over lines
    return function(set) return set[("%s:%d"):format(path, line)] end
  end
  local from, to = 1, select(2, text:gsub("\n", ""))
  for _, b in ipairs(bodies(text)) do
    if line >= b.first and line <= b.last then from, to = b.after + 1, b.last end
  end
  return function(set)
    for l = from, to do
      if set[("%s:%d"):format(path, l)] then return true end
    end
  end
end

return reach
