--- Every scenario gives what it gave when expected/ was written; `make golden` writes it anew.
local golden = require "golden"

local MOST = 40                                           -- lines that a failure shows

setup(golden.open)
teardown(golden.close)

describe("the golden", function()
  for _, name in ipairs(golden.names()) do
    it(name, function()
      local why = golden.missing(name)
      if why then return pending(why) end
      local expected = golden.expected(name)
      assert(expected, name .. " was never written: make golden")
      local moved = golden.moved(expected, golden.run(name))
      local count = #moved
      if count > MOST then moved[MOST + 1] = ("... and %d more"):format(count - MOST) end
      assert(count == 0, ("%s: %d differ\n%s"):format(name, count, table.concat(moved, "\n", 1, math.min(count, MOST + 1))))
    end)
  end
end)

describe("what a failing golden says", function()
  local function text(count, mean, more)
    return ('{\n  "requests": {"total": %s},\n  "latency": [{"mean": %s}]%s\n}\n'):format(count, mean, more or "")
  end
  local base = { json = text(50, 12.5), csv = "aa11", console = "one\ntwo\n" }

  it("is nothing where nothing moved", function()
    assert.same({}, golden.moved(base, { json = text(50, 12.5), csv = "aa11", console = "one\ntwo\n" }))
  end)

  it("is the path of each number that moved, from what to what and by how much", function()
    assert.same({ "latency[1].mean: 12.5 -> 12.75 (+2 %)", "requests.total: 50 -> 49 (-2 %)" },
      golden.moved(base, { json = text(49, 12.75), csv = "aa11", console = "one\ntwo\n" }))
  end)

  it("is a change in the last digit, too", function()
    assert.matches("^latency%[1%]%.mean: 12%.5 %-> 12%.50000000000000%d+ %(%+1%.42e%-14 %%%)$",
      golden.moved(base, { json = text(50, "12.500000000000002"), csv = "aa11", console = "one\ntwo\n" })[1])
  end)

  it("is what came and what went", function()
    assert.same({ "extra: new, 1" }, golden.moved(base, { json = text(50, 12.5, ', "extra": 1'), csv = "aa11",
                                                         console = "one\ntwo\n" }))
    assert.same({ "extra: 1 -> gone" }, golden.moved({ json = text(50, 12.5, ', "extra": 1') }, { json = text(50, 12.5) }))
  end)

  it("is the hash of the rows, and the first line of the console", function()
    assert.same({ "the CSV differs: SHA-256 aa11 -> bb22", "console, line 2: two -> three" },
      golden.moved(base, { json = base.json, csv = "bb22", console = "one\nthree\n" }))
  end)

  it("is the text where only that differs", function()
    assert.matches("^the JSON's text alone, line 1", golden.moved(base, { json = base.json:gsub("^{\n", "{ \n"), csv = "aa11",
                                                                         console = base.console })[1])
  end)

  it("comes of a run whose expectation has another number", function()
    local other = golden.expected "constant"
    other.json = other.json:gsub('("mean": )(%d)', "%19%2", 1)
    assert.matches("mean: 9", golden.moved(other, golden.run "constant")[1])
  end)
end)
