--- Write models/index.lua from the files in models/llm and models/hardware.
-- usage: build/release/lua tools/index.lua, in the checkout
package.path = "lua/?.lua;" .. package.path
local catalog = require "oracle.models.catalog"

local files = {}
for _, kind in ipairs { "llm", "hardware" } do
  files[kind] = {}
  for path in io.popen("ls models/" .. kind):lines() do
    files[kind][#files[kind] + 1] = path:match("^(.*)%.json$")
  end
  table.sort(files[kind])
end
local text = catalog.index_text(files)
local f = assert(io.open("models/index.lua", "w"))
f:write(text)
f:close()
