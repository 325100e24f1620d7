--- The tests that errors are shown to, what each reaches, and how long it takes. Both are kept in build/mutate/reach
-- until the sources or the test change.
local copy = require "copy"
local reach = require "reach"

local tests = {}

-- What installs, builds, or waits for a terminal or a browser says little of an error in one line.
local LEFT_OUT = { "install_spec", "docs_spec", "docs_pages_spec", "walkthrough_spec", "browser_spec", "mpi_spec",
  "start_spec", "tools_spec", "faults_spec", "unit/interrupts", "unit/repl" }
local CASES = { ["tests/laws/serve.c"] = "1 300" }
local LONGEST = 60 -- s of CPU; a test that takes longer is left out

local function left_out(path)
  for _, name in ipairs(LEFT_OUT) do
    if path:find(name, 1, true) then return true end
  end
end

local function command(path)
  local program = path:match "^(.*)%.c$"
  if program then return ("build/reach/%s %s"):format(program, CASES[path] or "") end
  return ("tools/busted.sh build/reach --no-keep-going '%s'"):format(path)
end

local function digest(what)
  local p = io.popen(("cat %s | sha1sum"):format(what))
  local text = p:read "l"
  p:close()
  return text:match "^%x+"
end

-- Seconds of CPU of what ran: the shell's `times`, whose second line is that of its children.
local function took(path)
  local minutes, s, system_minutes, system_s = copy.read(path):match "\n(%d+)m([%d.]+)s (%d+)m([%d.]+)s"
  return 60 * (minutes + system_minutes) + s + system_s
end

--- Runs a test in the copy: whether it holds.
function tests.run(t)
  return (copy.run(("timeout -k 5 %d %s"):format(math.ceil(10 * t.seconds) + 20, command(t.path))))
end

local function measure(t, functions)
  local folder = copy.folder .. "/.."
  os.execute(("rm -rf '%s/marks' '%s/lines' && mkdir -p '%s/lines'"):format(folder, folder, folder))
  t.holds = copy.run(("ORACLE_REACH=\"$PWD/../marks\" ORACLE_LUA_COVERAGE=\"$PWD/../lines\" timeout -k 5 %d %s"):format(
    4 * LONGEST, command(t.path)))
  t.set = reach.of(functions, folder .. "/marks", folder .. "/lines")
  if t.holds then
    t.holds = copy.run(("timeout -k 5 %d %s; rc=$?; times >../times; (exit $rc)"):format(4 * LONGEST, command(t.path)))
  end
  t.seconds = t.holds and took(folder .. "/times") or 0
  t.holds = t.holds and t.seconds <= LONGEST
end

local function keep(path, t)
  local f = assert(io.open(path, "w"))
  f:write(("%s %.3f\n"):format(t.holds, t.seconds))
  for where in pairs(t.set) do f:write(where, "\n") end
  f:close()
end

local function kept(path)
  local f = io.open(path)
  if not f then return nil end
  local holds, seconds = f:read("l"):match "(%S+) (%S+)"
  local t = { holds = holds == "true", seconds = tonumber(seconds), set = {} }
  for where in f:lines() do t.set[where] = true end
  f:close()
  return t
end

--- All tests that hold and have `only` in their path, the quick ones first; say(i, count, path) is called before one is
-- measured.
function tests.all(only, say)
  local sources = digest "$(git ls-files -co --exclude-standard src lua models | LC_ALL=C sort)"
  local functions = reach.functions(copy.folder .. "/build/reach/liboracle.so")
  local folder = "build/mutate/reach"
  os.execute(("mkdir -p '%s'"):format(folder))
  local list, paths = {}, {}
  for path in io.popen "ls tests/unit/*.c tests/laws/*.c tests/*/*_spec.lua":lines() do
    if path:find(only, 1, true) and not left_out(path) then paths[#paths + 1] = path end
  end
  for i, path in ipairs(paths) do
    local file = ("%s/%s.%s"):format(folder, path:gsub("/", "."), digest(path):sub(1, 8) .. sources:sub(1, 8))
    local t = kept(file)
    if not t then
      say(i, #paths, path)
      t = { path = path }
      measure(t, functions)
      keep(file, t)
    end
    t.path = path
    if t.holds then
      list[#list + 1] = t
    else
      io.stderr:write(("mutate: %s does not hold, or takes longer than %d s: left out\n"):format(path, LONGEST))
    end
  end
  table.sort(list, function(a, b) return a.seconds < b.seconds end)
  return list
end

return tests
