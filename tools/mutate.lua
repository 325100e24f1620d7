--- Small errors in src/ and lua/ - an operator, a constant, a condition, a return (tools/mutate/changes.lua) - one at a
-- time, in a copy of the checkout, and whether a test that reaches the place fails. Errors that none sees are listed.
-- What does not compile, compiles to the same code, or stands in tools/mutate/equivalent.lua is drawn again. Headers,
-- main.c, repl.c and mpi.c are left out: what runs in them is not noted.
-- usage: lua tools/mutate.lua [N=300] [SEED=1] [FROM=1] [F=file[:line]] [T=tests]
--   N: how many; SEED: of the draws; FROM: the draw to begin with (the last line but one names the next); F: only there
--   T: tests whose path has this, such as unit/step
package.path = "tools/?.lua;tools/mutate/?.lua;" .. package.path
local changes = require "changes"
local copy = require "copy"
local equivalent = require "equivalent"
local reach = require "reach"
local tests = require "tests"

local options = { N = 300, SEED = 1, FROM = 1 }
for _, a in ipairs(arg) do
  local key, value = a:match "^(%u+)=(.+)$"
  assert(key, "mutate: NAME=VALUE expected")
  options[key] = tonumber(value) or value
end
local LEFT_OUT = { ["src/main.c"] = true, ["src/repl.c"] = true, ["src/bind/host/mpi.c"] = true }

io.stdout:setvbuf "line"
local on_terminal = os.execute "test -t 2"
local shown = 0
local function progress(done, of, from, what)
  local seconds = os.time() - from
  local left = done > 0 and ("%d s left"):format(seconds * (of - done) // done) or ""
  if on_terminal then
    io.stderr:write(("\r%-110s"):format(("%d of %d, %s  %s"):format(done, of, left, what)))
  elseif seconds >= shown + 30 then
    shown = seconds
    io.stderr:write(("%d of %d, %s  %s\n"):format(done, of, left, what))
  end
end

-- All changes of the sources, or of one of them: { path, from, to, new, line }, and the texts.
local function all_changes()
  local list, texts = {}, {}
  local only, line = tostring(options.F or ""):match "^([^:]*):?(%d*)$"
  for path in io.popen "find src lua -name '*.c' -o -name '*.lua' | LC_ALL=C sort":lines() do
    if not LEFT_OUT[path] and (only == "" or path == only) then
      texts[path] = copy.read(path)
      for _, c in ipairs(changes(texts[path], path:match "%w+$")) do
        c.path = path
        if line == "" or c.line == tonumber(line) then list[#list + 1] = c end
      end
    end
  end
  return list, texts
end

local function shuffle(list)
  math.randomseed(options.SEED)
  for i = #list, 2, -1 do
    local k = math.random(i)
    list[i], list[k] = list[k], list[i]
  end
end

-- The line of a change, as it is in `text`.
local function line_of(text, at)
  return (text:sub(1, at - 1):match "[^\n]*$" .. text:match("^[^\n]*", at)):match "^%s*(.-)%s*$"
end

local reviewed = {}
for _, e in ipairs(equivalent) do reviewed[e[1] .. "\n" .. e[2]] = true end

-- "killed", with the test that fails; "survives", with how many hold; "nothing": drawn again.
local function try(c, text, all)
  local new = text:sub(1, c.from - 1) .. c.new .. text:sub(c.to + 1)
  c.old_line, c.new_line = line_of(text, c.from), line_of(new, c.from)
  if reviewed[c.path .. "\n" .. c.new_line] then return "nothing" end
  local reached, state, by = reach.at(c.path, text, c.line), nil, 0
  if copy.change(c.path, text, new) then
    state = "survives"
    for _, t in ipairs(all) do
      if reached(t.set) then
        by = by + 1
        if not tests.run(t) then
          state, by = "killed", t.path
          break
        end
      end
    end
  end
  copy.restore(c.path, text)
  return state or "nothing", by
end

local list, texts = all_changes()
shuffle(list)
copy.refresh()
local from = os.time()
if not copy.build "build check" then
  io.stderr:write "mutate: the copy does not build: build/mutate/log\n"
  os.exit(1)
end
local all = tests.all(tostring(options.T or ""), function(i, count, path) progress(i - 1, count, from, path) end)
from, shown = os.time(), 0
local n, killed, draw = 0, 0, options.FROM
while n < options.N and draw <= #list do
  local c = list[draw]
  progress(n, options.N, from, ("%d killed; %s:%d"):format(killed, c.path, c.line))
  local state, by = try(c, texts[c.path], all)
  if state ~= "nothing" then
    n = n + 1
    if state == "killed" then
      killed = killed + 1
    else
      if on_terminal then io.stderr:write "\r\27[K" end
      local what = "%s:%d: %s\n    =>  %s    (draw %d, %d tests)"
      print(what:format(c.path, c.line, c.old_line, c.new_line, draw, by))
    end
    copy.note(("%d %s:%d %s %s"):format(draw, c.path, c.line, state, by))
  end
  draw = draw + 1
end
if on_terminal then io.stderr:write "\r\27[K" end
print(("%d errors could be made; go on with FROM=%d"):format(#list, draw))
local alive = n - killed
print(("%d mutants, %d killed, %d survive (%.0f %%)"):format(n, killed, alive, 100 * alive / math.max(n, 1)))
