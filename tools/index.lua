--- Write models/index.txt from the files in models/llm and models/hardware.
-- usage: build/release/lua tools/index.lua, in the checkout; make build does it where one of them is newer
package.path = "lua/?.lua;" .. package.path
local core = require "oracle.core"
local shelf = require "oracle.models.shelf"

local files = {}
for _, kind in ipairs { "llm", "hardware" } do
  files[kind] = {}
  for _, name in ipairs(core.list("models/" .. kind)) do
    local stem = name:match "^(.*)%.json$"
    if stem then
      local path = ("models/%s/%s"):format(kind, name)
      local f = assert(io.open(path, "rb"))
      files[kind][#files[kind] + 1] = { stem = stem, raw = core.json.decode(f:read "a", path) }
      f:close()
    end
  end
end
local text = shelf.index(files)
local f = assert(io.open("models/index.txt", "w"))
f:write(text)
f:close()
