--- Lua sources compiled ahead of time, so that a short run does not spend its time on reading them. Each keeps its
-- line numbers; the program takes a compiled file only while it is no older than its source.
-- usage: lua tools/precompile.lua FOLDER FILE.lua ...      lua/oracle/lazy.lua becomes FOLDER/oracle/lazy.luac
local folder = arg[1]
for i = 2, #arg do
  local source = arg[i]
  local chunk = assert(loadfile(source, "t"))
  local target = ("%s/%sc"):format(folder, source:gsub("^lua/", ""))
  os.execute(("mkdir -p '%s'"):format(target:match("^(.*)/")))
  local f = assert(io.open(target, "wb"))
  assert(f:write(string.dump(chunk)))
  assert(f:close())
end
