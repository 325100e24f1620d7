--- Write what the commands of pages print into the pages anew, with the time of each: `make pages`.
local pages = require "docs_pages"

local bin = os.getenv "ORACLE_BIN" or "./oracle"

local function clock()
  local p = io.popen "date +%s.%N"
  local t = tonumber(p:read "a")
  p:close()
  return t
end

for _, path in ipairs(pages.PATHS) do
  local text, dir = pages.read(path), pages.folder(bin)
  for _, block in ipairs(pages.blocks(text)) do
    if block.language == "lua" or block.language == "sh" then
      local before = clock()
      local out, code, err = pages.obey(block, dir)
      if code ~= 0 then error(("%s: %s\n%s%s"):format(path, block.text, out, err), 0) end
      if block.language == "sh" then
        print(("%s: %5.1f s  %s"):format(path, clock() - before, block.text:match "[^\n]*"))
      end
      if block.shown and out ~= block.shown then
        local behind = text:find(block.text, 1, true) + #block.text
        local from, to = text:find("\n" .. block.shown .. "\n```", behind, true)
        text = text:sub(1, from) .. out .. text:sub(to - 3)
        print "  printed something else; written"
      end
    end
  end
  os.execute("rm -rf '" .. dir .. "'")
  local f = assert(io.open(path, "w"))
  f:write(text)
  f:close()
end
