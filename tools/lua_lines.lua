--- What tests/coverage/lines.c saw run of lua/: lines of each folder, and the files that are low.
-- A line counts where Lua has code for it (the compiled chunk says so) and it is not a bracket, an `end` or an `else`
-- alone, whose code is the jump or the return that nothing may reach.
-- usage: lua tools/lua_lines.lua FOLDER [-v]     -v: each line that did not run, as file:line
package.path = "tools/?.lua;" .. package.path
local active_lines = require "active_lines"

local folder, verbose = arg[1], arg[2] == "-v"

local function alone(text)
  return text:match "^%s*end[%s%),;}]*$" or text:match "^%s*else%s*$" or text:match "^[%s%)}%],;]*$"
end

local function read(path)
  local f = io.open(path, "rb")
  if not f then return nil end
  local s = f:read "a"
  f:close()
  return s
end

local function measure(path)
  local ran = read(("%s/%s"):format(folder, (path:gsub("/", ".")))) or ""
  local lines, n, of, got = active_lines(assert(loadfile(path, "t"))), 0, 0, 0
  for text in io.lines(path) do
    n = n + 1
    if lines[n] and not alone(text) then
      of = of + 1
      if ran:byte(n + 1) == 1 then
        got = got + 1
      elseif verbose then
        print(("%s:%d: %s"):format(path, n, text))
      end
    end
  end
  return got, of
end

local by, names, low, all = {}, {}, {}, { 0, 0 }
for path in io.popen("find lua -name '*.lua' | LC_ALL=C sort"):lines() do
  local got, of = measure(path)
  local name = path:match "^lua/oracle/(.-)/" or "(top)"
  if not by[name] then
    by[name] = { 0, 0 }
    names[#names + 1] = name
  end
  for _, sum in ipairs { by[name], all } do sum[1], sum[2] = sum[1] + got, sum[2] + of end
  if of > 0 and got < 0.85 * of then low[#low + 1] = ("  below 85 %%: %s %.1f %%"):format(path, 100 * got / of) end
end
table.sort(names)
for _, name in ipairs(names) do
  print(("  %-12s %6.1f %% of %6d lines"):format(name, 100 * by[name][1] / by[name][2], by[name][2]))
end
print(("  %-12s %6.1f %% of %6d lines"):format("all of Lua", 100 * all[1] / all[2], all[2]))
print(table.concat(low, "\n"))
