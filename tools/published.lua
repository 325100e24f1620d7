--- Writes the table of published models into docs/models.md, from tests/spec/published.lua on.
-- usage: build/release/lua tools/published.lua, in the checkout
package.path = "lua/?.lua;" .. package.path
local paths = require "oracle.text.paths"
package.path = paths.path "tests/spec/?.lua;" .. package.path
local published_table = require "published_table"

local path = paths.path "docs/models.md"
local f = assert(io.open(path))
local text = f:read "a"
f:close()
local before, after = text:match "^(.-\n)| model | weights |.-\n\n(.*)$"
if not before then
  before, after = text:match "^(.-\n)| model | weights |.*$", ""
end
assert(before, path .. ": no table begins with | model | weights |")
f = assert(io.open(path, "w"))
f:write(before, published_table.markdown(published_table.rows(require "published")), after ~= "" and "\n" or "", after)
f:close()
