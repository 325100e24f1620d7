--- Replay schedules of real engines: a table by file and family (exact; memory: only blocks in use or cached tokens
-- differ; schedule: something else does; times right: first token, finish and preemptions of all requests are), the
-- first difference of each family that has one, and "N of N exact" as the last line. Files of engines without a
-- scheduler here are named.
-- usage: build/release/lua tools/schedules.lua [--plain] [FILE ...]
--   without FILE: $ORACLE_DATA/schedule/*.json; --plain: on the plain schedulers of tests/spec/schedulers in place of
--   the engine
package.path = "lua/?.lua;lua/?/init.lua;tests/spec/?.lua;" .. package.path
local core = require "oracle.core"
local replay = require "schedulers.replay"
local replay_sglang = require "schedulers.replay_sglang"
local sglang = require "schedulers.sglang_loop"
local simulated = require "schedulers.simulated"
local simulated_sglang = require "schedulers.simulated_sglang"
local vllm = require "schedulers.vllm"

local plain, paths = false, {}
for _, a in ipairs(arg) do
  if a == "--plain" then plain = true else paths[#paths + 1] = a end
end

local RUN = { vllm = plain and vllm.run or simulated.run, sglang = plain and sglang.run or simulated_sglang.run }
local COMPARE = { vllm = replay.compare, sglang = replay_sglang.compare }

local function files()
  if #paths > 0 then return paths end
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
  local engine = name:match "^%a+"
  local run = RUN[engine]
  if not run then
    print(("%s: %d cases, no plain scheduler"):format(name, #data.cases))
  else
    local e, a = replay.write(io.stdout, name, replay.families(data.cases, run, COMPARE[engine]), headed)
    exact, all, headed = exact + e, all + a, true
  end
end
print(("%d of %d exact"):format(exact, all))
os.exit(all > 0 and exact == all)
