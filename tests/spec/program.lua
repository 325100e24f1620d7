--- The program under test and a folder of its own for what it reads and writes: `setup(program.open)`,
-- `teardown(program.close)`.
local assert = require "luassert"

local program = { bin = os.getenv("ORACLE_BIN") or "./oracle", root = os.getenv("ORACLE_HOME") or "." }
program.variant = program.bin:match "build/(%w+)/" or "release"
program.lua = ("build/%s/lua"):format(program.variant) -- the interpreter of the same build

function program.open()
  local p = io.popen("mktemp -d")
  program.dir = p:read("l")
  p:close()
end

function program.close()
  os.execute("rm -rf '" .. program.dir .. "'")
end

--- The content of a file, by its whole path.
function program.read(path)
  local f = assert(io.open(path))
  local text = f:read("a")
  f:close()
  return text
end

--- A file in the folder. Returns its path.
function program.write(name, text)
  local path = program.dir .. "/" .. name
  local f = assert(io.open(path, "w"))
  f:write(text)
  f:close()
  return path
end

local function run(command)
  local _, how, code = os.execute(("%s >'%s/out' 2>'%s/err' </dev/null"):format(command, program.dir, program.dir))
  if how ~= "exit" then error(command .. ": ended by a signal", 0) end
  return code, program.read(program.dir .. "/out"), program.read(program.dir .. "/err")
end

--- Run it where the test runs. Returns exit status, stdout and stderr.
-- @param before what stands before its name, such as a variable or how it is stopped
function program.run(args, before)
  return run(("%s %s %s"):format(before or "timeout 60", program.bin, args))
end

--- Where it is, from any folder.
function program.path()
  return program.bin:match("^/") and program.bin or program.root .. "/" .. program.bin
end

--- The same in its own folder.
function program.run_there(args)
  return run(("cd '%s' && timeout 60 '%s' %s"):format(program.dir, program.path(), args))
end

--- Fifty requests of the first scenario.
program.QUICK = "scenarios/quickstart.lua --set workload.duration=nil --set workload.count=50"

--- One line on stderr that begins with the program's name, nothing on stdout, and that exit status.
function program.refused(code, args, pattern)
  local rc, out, err = program.run(args)
  assert.equal(code, rc, args .. "\n" .. err)
  assert.equal("", out)
  assert.matches("^oracle: [^\n]*\n$", err)
  assert.matches(pattern, err)
end

return program
