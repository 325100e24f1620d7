--- Replay schedules of real engines on the plain schedulers of tests/spec/schedulers: a table by file and family
-- (exact; memory: only blocks in use or cached tokens differ; schedule: something else does), the first difference of
-- each family that has one, and "N of N exact" as the last line. Files of engines without a plain scheduler are named.
-- usage: build/release/lua tools/schedules.lua [FILE ...]      without FILE: $ORACLE_DATA/schedule/*.json
package.path = "lua/?.lua;lua/?/init.lua;tests/spec/?.lua;" .. package.path
local core = require "oracle.core"
local replay = require "schedulers.replay"
local vllm = require "schedulers.vllm"

local RUN = { vllm = vllm.run }

local function files()
  if #arg > 0 then return arg end
  local list = {}
  local found = io.popen(("ls '%s'/schedule/*.json 2>/dev/null"):format(os.getenv("ORACLE_DATA") or "../shared/data"))
  for path in found:lines() do list[#list + 1] = path end
  found:close()
  return list
end

local function read(path)
  local f = assert(io.open(path, "rb"))
  local text = f:read "a"
  f:close()
  return core.json.decode(text)
end

local exact, all, headed = 0, 0, false
for _, path in ipairs(files()) do
  local data, name = read(path), path:match("([^/]+)%.json$") or path
  local run = RUN[name:match "^%a+"]
  if not run then
    print(("%s: %d cases, no plain scheduler"):format(name, #data.cases))
  else
    local e, a = replay.write(io.stdout, name, replay.families(data.cases, run), headed)
    exact, all, headed = exact + e, all + a, true
  end
end
print(("%d of %d exact"):format(exact, all))
os.exit(all > 0 and exact == all)
