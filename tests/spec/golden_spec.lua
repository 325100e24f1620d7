--- What a golden that fails says: a change that was made on purpose is found and named.
local golden = require "golden"

setup(golden.open)
teardown(golden.close)

local function text(count, mean, more)
  return ('{\n  "requests": {"total": %s},\n  "latency": [{"mean": %s}]%s\n}\n'):format(count, mean, more or "")
end

local BASE = { json = text(50, 12.5), csv = "aa11", console = "one\ntwo\n" }

-- What is said where some parts are others.
local function moved(changes)
  local got = {}
  for k, v in pairs(BASE) do got[k] = changes[k] or v end
  return golden.moved(BASE, got)
end

describe("a golden says", function()
  it("nothing where nothing moved", function()
    assert.same({}, moved {})
  end)

  it("the path of each number that moved, from what to what and by how much", function()
    assert.same({ "latency[1].mean: 12.5 -> 12.75 (+2 %)", "requests.total: 50 -> 49 (-2 %)" },
      moved { json = text(49, 12.75) })
  end)

  it("that a number moved in its last digit", function()
    local list = moved { json = text(50, "12.500000000000002") }
    assert.equal(1, #list)
    assert.matches("^latency%[1%]%.mean: 12%.5 %-> 12%.500000000000002 %(%+1%.42e%-14 %%%)$", list[1])
  end)

  it("what came and what went", function()
    assert.same({ "extra: new, 1" }, moved { json = text(50, 12.5, ', "extra": 1') })
    assert.same({ "latency[1].mean: 12.5 -> gone", "requests.total: 50 -> 51 (+2 %)" },
      moved { json = [[{"requests": {"total": 51}}]] })
  end)

  it("that a file gives JSON no longer, or for the first time; a script gives none", function()
    local script = { console = "one\n" }
    assert.same({}, golden.moved(script, { console = "one\n" }))
    assert.same({ "the JSON: new" }, golden.moved(script, { console = "one\n", json = BASE.json }))
    assert.same({ "the JSON: gone" }, golden.moved(BASE, { console = BASE.console, csv = BASE.csv }))
  end)

  it("the hashes of the rows, and the first line of the console that differs", function()
    assert.same({ "the CSV differs: SHA-256 aa11 -> bb22", 'console, line 2: "two" -> "three"' },
      moved { csv = "bb22", console = "one\nthree\n" })
    assert.same({ 'console, line 3: "" -> "three"' }, moved { console = "one\ntwo\nthree\n" })
    assert.same({ 'console, line 2: "two" -> ""' }, moved { console = "one\n" })
  end)

  it("where a text differs that means the same", function()
    assert.same({ [[the JSON's text alone, line 1: "{" -> "{ "]] }, moved { json = (BASE.json:gsub("^{\n", "{ \n")) })
  end)

  it("which number of a real run is not the one expected", function()
    local expected = golden.expected "constant"
    expected.json = expected.json:gsub('("total": )(%d+)', "%19%2", 1)
    assert.same({ "requests.total: 9300 -> 300 (-96.8 %)" }, golden.moved(expected, golden.run "constant"))
  end)
end)
