--- What pages show of commands is what the commands print.
local pages = require "docs_pages"

local bin = os.getenv "ORACLE_BIN" or "./oracle"
local SLOW = bin:find "build/san" or bin:find "build/tsan" or bin:find "build/o0"

describe("a page", function()
  for _, path in ipairs(pages.PATHS) do
    it("shows what its commands print: " .. path, function()
      if SLOW then return pending "the plain build tells" end
      local dir = pages.folder(bin)
      finally(function() os.execute("rm -rf '" .. dir .. "'") end)
      for _, block in ipairs(pages.blocks(pages.read(path))) do
        if block.language == "lua" or block.language == "sh" and not block.slow then
          local out, code, err = pages.obey(block, dir)
          assert.equal(0, code, block.text .. "\n" .. out .. err)
          if block.shown then assert.equal(block.shown, out, block.text .. "\n(make pages writes it anew)") end
        end
      end
    end)
  end
end)
