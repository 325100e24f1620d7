--- The line that says how far a run is, with a clock and a terminal of its own.
local progress = require "oracle.text.progress"

-- A meter whose clock stands `now.s` after its beginning, and what it wrote since it was last asked.
local function meter()
  local now, text = { s = 100 }, {}
  local out = { write = function(_, ...) for _, piece in ipairs { ... } do text[#text + 1] = piece end end,
                flush = function() end }
  local m = progress.new(function() return now.s end, out)
  local function said()
    local all = table.concat(text)
    text = {}
    return all
  end
  return m, function(seconds) now.s = 100 + seconds end, said
end

describe("a progress line", function()
  it("is there from the second second on, and goes when all is done", function()
    local m, at, said = meter()
    at(0.9)
    m.step(0.5, 3)
    m.points(1, 4, 0)
    m.count(7)
    m.done()
    assert.equal("", said())
    at(1)
    m.step(0.25, 3)
    assert.equal("\r\27[Kt = 3.0 s, 25 %, 3 s left", said())
    m.done()
    assert.equal("\r\27[K", said())
    m.done()
    assert.equal("", said())
  end)

  it("counts the runs, and what is left of all of them", function()
    local m, at, said = meter()
    at(10)
    m.step(0.5, 7.25, 2, 4)
    assert.equal("\r\27[Krun 2 of 4, t = 7.2 s, 38 %, 17 s left", said()) -- 1.5 of 4 runs in 10 s
    m.step(nil, 7, 1, 4)
    assert.equal("\r\27[Krun 1 of 4, t = 7.0 s, 0 %, ? left", said())
    m.step(nil, 7)
    assert.equal("\r\27[Kt = 7.0 s", said())
    m.step(1.5, 7)
    assert.equal("\r\27[Kt = 7.0 s, 100 %, 0 s left", said())
    m.step(-1, 7)
    assert.equal("\r\27[Kt = 7.0 s, 0 %, ? left", said())
    m.done()
    assert.equal("\r\27[K", said())
  end)

  it("knows of points that were there before it began", function()
    local m, at, said = meter()
    at(20)
    m.points(6, 12, 4) -- 2 of 8 in 20 s
    assert.equal("\r\27[K6 of 12 points, 50 %, 1:00 min left", said())
    m.points(4, 12, 4)
    assert.equal("\r\27[K4 of 12 points, 33 %, ? left", said())
    m.done()
    assert.equal("\r\27[K", said())
  end)

  it("says durations as they are read", function()
    local m, at, said = meter()
    for seconds, text in pairs { [59] = "59 s", [60] = "1:00 min", [3599.5] = "59:59 min", [3600] = "1:00 h",
                                 [7384] = "2:03 h", [359999] = "99:59 h", [360000] = "days" } do
      at(seconds)
      m.count(3)
      assert.equal("\r\27[K3 runs, " .. text, said())
    end
    m.done()
    assert.equal("\r\27[K", said())
  end)
end)
