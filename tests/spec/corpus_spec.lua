--- The corpora of the fuzz targets, and texts near them: each reader takes them or says in one line why not, whatever
-- number, name or part of them is another one.
local core = require "oracle.core"

package.path = package.path .. ";tests/fuzz/?.lua"
local readers = require "readers"

local CORPUS = "tests/fuzz/corpus/"
local SANITIZED = (os.getenv "ORACLE_BIN" or ""):find "san" ~= nil
local MOST = tonumber(os.getenv "CORPUS_CHANGES") or SANITIZED and 10 or 60 -- changes tried of each text

local NUMBERS = { "0", "-1", "1e308", "-1e308", "1e-320", "5e-324", "2147483648", "9223372036854775807", "1e400",
                  "NaN", "0.5", "\"x\"", "null", "" }

teardown(readers.close)

local function read(path)
  local f = assert(io.open(path, "rb"))
  local text = f:read "a"
  f:close()
  return text
end

-- Each number of a text in turn is another one; then words go, parts go, lines change places, bytes are none.
local function near(text)
  local list, at = {}, 1
  while true do
    local from, to = text:find("%-?%d+%.?%d*[eE]?[%-+]?%d*", at)
    if not from then break end
    for _, number in ipairs(NUMBERS) do list[#list + 1] = text:sub(1, from - 1) .. number .. text:sub(to + 1) end
    at = to + 1
  end
  for from, word, to in text:gmatch "()(%a[%w_]+)()" do
    list[#list + 1] = text:sub(1, from - 1) .. word:reverse() .. text:sub(to)
    list[#list + 1] = text:sub(1, from - 1) .. text:sub(to)
  end
  for i = 0, 8 do list[#list + 1] = text:sub(1, #text * i // 9) end
  for from, to in text:gmatch "()%b{}()" do
    list[#list + 1] = text:sub(1, from - 1) .. "{}" .. text:sub(to)
    list[#list + 1] = text:sub(1, from - 1) .. "[]" .. text:sub(to)
  end
  list[#list + 1] = text .. text
  list[#list + 1] = text:gsub("\n", "\r\n")
  list[#list + 1] = "\239\187\191" .. text
  list[#list + 1] = text:gsub("%d", "\0")
  return list
end

local function attempt(name, text, where, bad)
  local ok, why = pcall(readers[name], text)
  if not ok then bad[#bad + 1] = ("%s: %s\n%s"):format(where, tostring(why), text:sub(1, 400)) end
end

for _, name in ipairs(core.list(CORPUS)) do
  describe("the reader of " .. name, function()
    it("takes each text of its corpus and what is near it, or says why not", function()
      local bad = {}
      for _, file in ipairs(core.list(CORPUS .. name)) do
        local text = read(CORPUS .. name .. "/" .. file)
        attempt(name, text, file, bad)
        local list = near(text)
        local stride = math.max(1, #list // MOST)
        for i = 1, #list, stride do attempt(name, list[i], ("%s, change %d"):format(file, i), bad) end
      end
      assert.equal("", table.concat(bad, "\n", 1, math.min(#bad, 5)))
    end)
  end)
end

describe("a reader", function()
  it("has a corpus", function()
    for name, f in pairs(readers) do
      if type(f) == "function" and name ~= "close" then assert.is_true(#core.list(CORPUS .. name) > 0, name) end
    end
  end)
end)
