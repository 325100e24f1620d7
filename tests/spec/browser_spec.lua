--- Reports in a browser without a window: nothing on the console, every chart drawn and named, keys and buttons that
-- work, nothing wider than the screen, soon there.
local pages = require "pages"
local program = require "program"

setup(program.open)
teardown(program.close)

local browser, without = pages.browser()

local function made(args)
  local path = program.dir .. "/b.html"
  local code, _, err = program.run(("%s -q --report '%s' --force"):format(args, path))
  assert.equal(0, code, err)
  return program.read(path)
end

local function sound(found, console, charts)
  assert.same({}, console)
  assert.same({}, found.blank)
  assert.equal(0, found.unnamed)
  assert.equal(charts, found.charts)
  assert.equal(charts, found.tables)                      -- each with its values as a table
  assert.is_true(#found.spoken > 5, found.spoken)
  assert.equal("light", found.theme)
  assert.is_true(found.wide <= 0, "wider than the screen by " .. found.wide)
end

describe("in a browser", function()
  it("a run of an hour is there within two seconds, drawn, named and usable", function()
    if not browser then return pending(without) end
    local data = os.getenv "ORACLE_DATA"
    local f = data and io.open(data .. "/traces/azure-2023-conv.csv")
    if f then f:close() end
    local text = made(f and "run scenarios/azure.lua" or "run scenarios/quickstart.lua")
    assert.is_true(#text < 3e6, #text)
    local found, console = pages.look(browser, program.dir, text)
    sound(found, console, 12)
    assert.is_true(found.zoomed)
    assert.equal("ascending", found.sorted)
    assert.is_true(found.ready < 2000, found.ready .. " ms")
  end)

  it("pages of a sweep and a comparison fit a phone", function()
    if not browser then return pending(without) end
    local text = made(("sweep %s --set workload.rate=2,8,20 --set engine.max_num_seqs=4,64 --out %s/s.jsonl"):format(
      program.QUICK, program.dir))
    local found, console = pages.look(browser, program.dir, text, "390,800")
    sound(found, console, #pages.parts(pages.document(text), "chart"))
    text = made("compare engine.max_num_seqs=1 engine.max_num_seqs=64 --replications 2 " .. program.QUICK)
    found, console = pages.look(browser, program.dir, text, "390,800")
    sound(found, console, #pages.parts(pages.document(text), "chart"))
  end)
end)
