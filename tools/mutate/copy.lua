--- The copy of the checkout in which the errors are made, build/mutate/tree, and what is built and run in it.
local copy = { folder = "build/mutate/tree" }

local function read(path)
  local f = io.open(path, "rb")
  if not f then return nil end
  local text = f:read "a"
  f:close()
  return text
end
copy.read = read

local function write(path, text)
  local f = assert(io.open(path, "wb"))
  assert(f:write(text))
  assert(f:close())
end

--- Runs a command in the copy. An interrupt ends the whole, wherever it came.
function copy.run(command)
  local _, how, code = os.execute(("cd '%s' && ulimit -v 16000000 && { %s; } </dev/null >>../log 2>&1"):format(
    copy.folder, command))
  if how == "signal" or code == 130 then
    io.stderr:write "\nmutate: interrupted\n"
    os.exit(130)
  end
  return code == 0, code
end

--- Makes the copy what the checkout is; the files that differ are written anew, and made anew by make.
function copy.refresh()
  os.execute(("mkdir -p '%s' && : >'%s/../log'"):format(copy.folder, copy.folder))
  local here = {}
  for path in io.popen "git ls-files -co --exclude-standard":lines() do
    local text = read(path)
    here[path] = text ~= nil
    if text and text ~= read(copy.folder .. "/" .. path) then
      local to = copy.folder .. "/" .. path
      os.execute(("mkdir -p '%s' && cp '%s' '%s'"):format(to:match "^(.*)/", path, to))
    end
  end
  local left = "cd '%s' && find . -type f -not -path './build/*' -not -path './oracle' | cut -c 3-"
  for path in io.popen(left:format(copy.folder)):lines() do
    if not here[path] then os.remove(copy.folder .. "/" .. path) end
  end
  os.execute(("mkdir -p '%s/build' && cp -r build/report '%s/build' 2>&-"):format(copy.folder, copy.folder)) -- charts
end

--- Builds it: the programs once, the library of the engine with each change.
function copy.build(target)
  return copy.run(("make -j\"$(nproc)\" REACH=1 WARN=-w %s"):format(target))
end

local function object(path)
  return path:gsub("^src/(.*)%.c$", "build/reach/%1.o")
end

--- Changes one file. True, or false with why it says nothing: it does not compile, or is the same code as before.
function copy.change(path, old, new)
  if path:find "%.lua$" then
    local is = load(new, "=")
    if not is then return false, "no code" end
    if string.dump(is, true) == string.dump(load(old, "="), true) then return false, "the same code" end
    write(copy.folder .. "/" .. path, new)
    return true
  end
  local o = object(path)
  copy.run(("cp '%s' ../object.o"):format(o))
  write(copy.folder .. "/" .. path, new)
  if not copy.build(o) then return false, "no code" end
  if copy.run(("for o in '%s' ../object.o; do objcopy --strip-debug \"$o\" ../$(basename \"$o\").code; done; "
      .. "cmp '../%s.code' ../object.o.code"):format(o, o:match "[^/]+$")) then
    return false, "the same code"
  end
  return copy.build "build/reach/liboracle.so"
end

--- Back to what it was.
function copy.restore(path, old)
  write(copy.folder .. "/" .. path, old)
  if path:find "%.c$" then copy.run(("sleep 0.01; cp ../object.o '%s'"):format(object(path))) end
end

--- A line in build/mutate/log.
function copy.note(text)
  local f = assert(io.open(copy.folder .. "/../log", "a"))
  f:write("mutate: ", text, "\n")
  f:close()
end

return copy
