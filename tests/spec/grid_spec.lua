--- Tables no wider than a terminal, in which nothing is lost.
local console = require "oracle.text.console"
local grid = require "oracle.text.grid"

local function lines_of(text)
  local list = {}
  for line in text:gmatch "[^\n]*" do list[#list + 1] = line end
  return list
end

local function fits(text)
  for _, line in ipairs(lines_of(text)) do assert.is_true(utf8.len(line) <= grid.WIDTH, line) end
  return text
end

describe("a table", function()
  it("is one where it fits", function()
    assert.equal("name  ms\n----  --\na     10\nbb     2\n",
      console.table({ "name", "ms" }, { { "a", 10 }, { "bb", 2 } }))
  end)

  it("goes on below beside its first columns, with all names whole and all values there", function()
    local heads, row = { "rate" }, { 5 }
    for c = 1, 12 do
      heads[#heads + 1] = { name = ("a_metric_of_number_%d"):format(c), unit = "ms" }
      row[#row + 1] = 1000 + c
    end
    local other = table.move(row, 1, #row, 1, {})
    other[1] = 6
    local text = fits(console.table(heads, { row, other }))
    for c = 1, 12 do
      assert.matches(("a_metric_of_number_%d%%f[%%D]"):format(c), text)
      assert.matches(("%%f[%%d]%d%%f[%%D]"):format(1000 + c), text)
    end
    local parts = select(2, text:gsub("\n%f[%w ]rate ", "")) + (text:find "^%s*rate" and 1 or 0)
    assert.is_true(parts >= 3)
  end)

  it("numbers rows that its first columns do not tell apart", function()
    local heads, row = { "name" }, { "a" }
    for c = 1, 8 do heads[#heads + 1], row[#row + 1] = ("column_number_%d"):format(c), c end
    local text = fits(console.table(heads, { row, row }))
    assert.equal(2, select(2, text:gsub("\n1  a ", "")))
    assert.equal(2, select(2, text:gsub("\n2  a ", "")))
    row[1] = "a"
    assert.is_nil(console.table(heads, { row }):find("#", 1, true))
  end)

  it("puts units below names where that saves a part", function()
    local heads = {}
    for c = 1, 7 do heads[c] = { name = ("metric%d"):format(c), unit = "ms" } end
    local text = fits(console.table(heads, { { 1, 2, 3, 4, 5, 6, 7 } }))
    assert.equal(5, #lines_of(text))                      -- names, units, rule, row, and the end
  end)

  it("wraps a text that is too long for any part", function()
    local text = fits(console.table({ "file", "why" }, { { "x.csv", ("word "):rep(60) .. ("y"):rep(200) } }))
    assert.equal(60, select(2, text:gsub("word", "")))
    assert.equal(200, select(2, text:gsub("y", "")) - 1)  -- but for that of "why"
  end)

  it("takes any columns and cells", function()
    local state = 1
    local function draw(n)
      state = (state * 1103515245 + 12345) % 2 ^ 31
      return math.floor(state / 2 ^ 31 * n)
    end
    for _ = 1, 300 do
      local heads, row = {}, {}
      for c = 1, 1 + draw(15) do
        heads[c] = ("é_"):rep(draw(20)) .. c
        row[c] = draw(2) == 0 and 10 ^ draw(12) or ("ab c"):rep(draw(25))
      end
      fits(console.table(heads, { row, row }, { keep = draw(4), right = 1 + draw(6) }))
    end
  end)
end)

describe("a text", function()
  it("is cut between words, and what goes on is set in", function()
    local long = "  " .. ("word  "):rep(20)
    local text = fits(console.narrow(long .. "\nshort\n"))
    assert.equal(20, select(2, text:gsub("word", "")))
    assert.matches("\n    word", text)
    assert.matches("\nshort\n$", text)
    assert.equal(("x"):rep(100), console.narrow(("x"):rep(100)))     -- one word stays whole
  end)

  it("is cut to its first clauses, or to its first words", function()
    assert.equal("one two", console.brief("one two; three four five", 12))
    assert.equal("one two (a: b)", console.brief("one two (a: b); three four five six", 20))
    assert.equal("one two ...", console.brief("one two three four", 13))
    assert.equal("short", console.brief("short", 10))
  end)
end)
