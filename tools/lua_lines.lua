--- What tests/coverage/lines.c saw run of lua/: lines of each folder, and the files that are low.
-- A line counts where Lua has code for it (the compiled chunk says so) and it is not a bracket, an `end` or an `else`
-- alone, whose code is the jump or the return that nothing may reach.
-- usage: lua tools/lua_lines.lua FOLDER [-v]     -v: each line that did not run, as file:line
local folder, verbose = arg[1], arg[2] == "-v"

--- The lines of a compiled chunk that have code: every function of it, by string.dump's format (Lua 5.4).
local function active(chunk)
  local s, at = string.dump(chunk), 1
  local function byte()
    at = at + 1
    return s:byte(at - 1)
  end
  local function varint()
    local n = 0
    repeat
      local b = byte()
      n = n << 7 | b & 0x7f
    until b & 0x80 ~= 0
    return n
  end
  local function skip(size, count)
    at = at + size * count
  end
  local function text()
    local n = varint()
    if n > 0 then at = at + n - 1 end
  end
  assert(s:sub(1, 5) == "\27LuaT", "tools/lua_lines: Lua 5.4 expected")
  at = 4 + 1 + 1 + 6 + 1 + 1 + 1 + 8 + 8 + 1 + 1 -- header, sizes, check numbers, upvalues
  local lines = {}
  local function proto()
    text()
    local first = varint()
    varint()
    at = at + 1
    local vararg = byte() ~= 0
    at = at + 1
    skip(4, varint())
    for _ = 1, varint() do
      local kind = byte()
      if kind == 0x13 or kind == 0x03 then at = at + 8 elseif kind == 0x04 or kind == 0x14 then text() end
    end
    skip(3, varint())
    for _ = 1, varint() do proto() end
    local delta = {}
    for i = 1, varint() do
      local d = byte()
      delta[i] = d < 128 and d or d - 256
    end
    local absolute = {}
    for _ = 1, varint() do
      local pc = varint()
      absolute[pc] = varint()
    end
    local line = first
    for i, d in ipairs(delta) do
      line = d == -128 and absolute[i - 1] or line + d
      -- A vararg function begins with code of no line of its own; the last return is that of the closing `end`.
      if not (vararg and i == 1) and i < #delta then lines[line] = true end
    end
    for _ = 1, varint() do
      text()
      varint()
      varint()
    end
    for _ = 1, varint() do text() end
  end
  proto()
  return lines
end

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
  local lines, n, of, got = active(assert(loadfile(path, "t"))), 0, 0, 0
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
