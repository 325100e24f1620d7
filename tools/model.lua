--- Write a config.json in the form of models/llm: what the reader needs, in one order.
-- usage: build/release/lua tools/model.lua CONFIG.json [KEY=VALUE ...] > models/llm/NAME.json
-- KEY is _id, _source or _parameters (the published count, as "32.8B"); a file that is there already is put in form:
--   build/release/lua tools/model.lua models/llm/qwen3-8b.json
package.path = "lua/?.lua;" .. package.path
local json = require("oracle.core").json
local shelf = require "oracle.models.shelf"

local path = assert(arg[1], "a config.json expected")
local f = assert(io.open(path, "rb"))
local raw = json.decode(f:read "a", path)
f:close()
for i = 2, #arg do
  local key, value = arg[i]:match "^(_%w+)=(.*)$"
  raw[assert(key, arg[i] .. ": KEY=VALUE expected")] = math.tointeger(tonumber(value)) or value
end
raw._aliases = raw._aliases or setmetatable({}, json.array)
io.write(shelf.form(raw))
