--- Lua sources compiled ahead of time into one file, so that a short run does not spend its time on reading them
-- (src/bind/host/bundle.c reads it). Chunks keep their line numbers. The names of local variables fall away: only
-- messages about mistakes of oracle's own would say them, and they are a third of what a chunk holds.
-- usage: lua tools/precompile.lua BUNDLE FILE.lua ...      lua/oracle/lazy.lua becomes the module oracle/lazy
-- ---- a chunk without the names of locals and upvalues, as lundump.c of Lua 5.4 reads it ----

local HEADER = 31                                         -- bytes before the number of the main function's upvalues

local function trimmed(chunk)
  local at, from, kept = HEADER + 2, 1, {}
  local function skip(n) at = at + n end
  local function integer()                                -- seven bits a byte; the last one has the eighth set
    local x = 0
    repeat
      local byte = chunk:byte(at)
      x, at = x << 7 | byte & 0x7f, at + 1
    until byte & 0x80 ~= 0
    return x
  end
  local function text()
    local size = integer()
    if size > 0 then skip(size - 1) end
  end
  local SKIP = { [0x00] = 0, [0x01] = 0, [0x11] = 0, [0x03] = 8, [0x13] = 8 }
  local function constant()
    local kind = chunk:byte(at)
    skip(1)
    if kind == 0x04 or kind == 0x14 then text() else skip(SKIP[kind]) end
  end
  local function body()
    text()                                                -- the source's name
    integer() integer()                                   -- its first line and its last
    skip(3)
    skip(4 * integer())                                   -- instructions
    for _ = 1, integer() do constant() end
    skip(3 * integer())                                   -- upvalues
    for _ = 1, integer() do body() end
    skip(integer())                                       -- lines
    for _ = 1, integer() do integer() integer() end
    kept[#kept + 1] = chunk:sub(from, at - 1) .. "\x80\x80"
    for _ = 1, integer() do text() integer() integer() end
    for _ = 1, integer() do text() end
    from = at
  end
  body()
  assert(at == #chunk + 1, "a chunk of another form")
  return table.concat(kept)
end

-- ---- the bundle ----

local names = {}
local chunk_of = {}
for i = 2, #arg do
  local name = arg[i]:match "^lua/(.*)%.lua$"
  names[#names + 1] = name
  chunk_of[name] = trimmed(string.dump(assert(loadfile(arg[i], "t"))))
end
table.sort(names)

local HEAD, ROW = "=c8I4I4", "=I4I4I4"
local at = HEAD:packsize() + #names * ROW:packsize()
local rows, bodies = {}, {}
for i, name in ipairs(names) do
  local chunk = chunk_of[name]
  rows[i] = ROW:pack(at, at + #name + 1, #chunk)
  bodies[i] = name .. "\0" .. chunk
  at = at + #bodies[i]
end
bodies[#bodies + 1] = "\0"                                -- ends whatever name a broken row leads to

-- Written aside and renamed: a run that has the old one mapped keeps it whole.
local made = arg[1] .. ".new"
local f = assert(io.open(made, "wb"))
assert(f:write(HEAD:pack("orcLua1\n", at + 1, #names), table.concat(rows), table.concat(bodies)))
assert(f:close())
assert(os.rename(made, arg[1]))
