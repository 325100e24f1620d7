--- What real servers printed of their memory beside what oracle derives: tokens of KV cache, GiB of it, GiB of weights,
-- requests of max_model_len, each "printed / derived (error)".
-- usage: build/release/lua tools/memory.lua [FILE.csv]      without FILE: $ORACLE_DATA/memory/vllm-logs.csv
package.path = "lua/?.lua;lua/?/init.lua;tests/spec/?.lua;" .. package.path
local console = require "oracle.text.console"
local logs = require "memory_logs"

local path = arg[1] or (os.getenv "ORACLE_DATA" or "../shared/data") .. "/memory/vllm-logs.csv"
local rows, why = logs.read(path)
if not rows then
  print("no logs to compare with: " .. why)
  os.exit(false)
end
local lines = {}
for i, row in ipairs(rows) do lines[i] = logs.compare(row) end
io.write(console.table({ "id", "model", "KV tokens", { name = "KV", unit = "GiB" }, { name = "weights", unit = "GiB" },
                         "requests" }, lines))
