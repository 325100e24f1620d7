local json = require("oracle.core").json

-- The message of decode's refusal.
local function refused(text)
  local ok, message = pcall(json.decode, text, "f.json")
  assert.is_false(ok)
  return message
end

describe("json.decode", function()
  it("reads every kind of value", function()
    local v = json.decode '{"n": null, "t": true, "f": false, "s": "a\\u00e9\\n", "a": [1, [2]], "o": {"x": {}}}'
    assert.equal(json.null, v.n)
    assert.is_true(v.t)
    assert.is_false(v.f)
    assert.equal("aé\n", v.s)
    assert.same({ 1, { 2 } }, v.a)
    assert.same({ x = {} }, v.o)
    assert.equal(7, json.decode " 7\r\n")
    assert.equal("x", json.decode '"x"')
  end)

  it("tells arrays from objects, empty ones too", function()
    local v = json.decode '{"a": [], "o": {}}'
    assert.equal(json.array, getmetatable(v.a))
    assert.is_nil(getmetatable(v.o))
  end)

  it("keeps whole numbers whole, all 64 bits of them", function()
    local v = json.decode "[5, 5.0, 1e3, 9007199254740993, -9223372036854775808, 9223372036854775808, 0.1]"
    assert.equal("integer", math.type(v[1]))
    assert.equal("float", math.type(v[2]))
    assert.equal("float", math.type(v[3]))
    assert.equal("9007199254740993", tostring(v[4]))        -- 2^53 + 1: no double holds it
    assert.equal(math.mininteger, v[5])
    assert.equal(2.0 ^ 63, v[6])                            -- one more than fits: a float
    assert.equal(0.1, v[7])
  end)

  it("is not led astray by digits and colons in strings", function()
    local v = json.decode [[{"1:2": "3,\"4", "b": 5, "c": "-6", "d": [7, "8", 9]}]]
    assert.same({ ["1:2"] = '3,"4', b = 5, c = "-6", d = { 7, "8", 9 } }, v)
  end)

  it("says where the text is wrong", function()
    assert.equal("f.json:3: not JSON from here", refused '{"a": 1,\n"b": 2,\n  ]}')
    assert.equal("f.json:1: not JSON from here", refused "{} x")
    assert.equal("f.json:2: the JSON text breaks off here", refused '{\n"a": 1\n\n')
    assert.equal("f.json:1: empty, JSON expected", refused "")
    assert.equal("f.json:1: empty, JSON expected", refused " \n\n")
    assert.equal("f.json:1: a string without closing quote", refused '["abc')
    assert.equal("f.json:1: a string without closing quote", refused '"abc\\')
    assert.matches("^JSON:1:", (select(2, pcall(json.decode, "["))))
  end)

  it("refuses what cJSON lets through", function()
    assert.matches("f.json:2: the key \"b\" is given twice",
      refused '{"a": {"b": "x:y"},\n"b": 1, "c": 2, "b": 3}')
    assert.matches("too large for a double", refused "[1e400]")
    assert.matches("too large for a double", refused "[-1e400]")
    assert.matches("malformed number", refused "[01]")
    assert.matches("malformed number", refused "[1.]")
    assert.matches("malformed number", refused "[1e]")
    assert.matches("malformed number", refused "-")
    assert.matches("not JSON", refused '{"a": NaN}')
    assert.matches("not JSON", refused '{"a": Infinity}')
    assert.matches("\\u0000", refused '"a\\u0000b"')
    assert.matches("control character", refused '"a\nb"')
    assert.matches("control character", refused "{}\0")
    assert.matches("not JSON", refused "[1,]")
  end)

  it("bounds depth and size", function()
    assert.equal("table", type(json.decode(("["):rep(200) .. ("]"):rep(200))))
    assert.matches("deeper than 200", refused(("["):rep(201) .. ("]"):rep(201)))
    assert.matches("larger than 64 MiB", refused((" "):rep((64 << 20) + 1)))
  end)
end)

describe("json, mangled at random", function()
  it("is read or refused with a line, never worse", function()
    local text = '{"a": [1, -2.5e10, "x\\u00e9\\ud83d\\ude00", null, true, {"b": {}}],\n"c": 0, "d": "\\"\\\\"}'
    local bytes = '{}[]",:\\u0123eE+-.ntf \n\0\xff'
    local state = 12345
    local function below(n)                               -- Knuth's MMIX generator: the same on every run
      state = state * 6364136223846793005 + 1442695040888963407
      return (state >> 33) % n
    end
    local read = 0
    for _ = 1, 5000 do
      local t = text
      for _ = 0, below(4) do
        local at, byte, cut = below(#t + 1), below(#bytes) + 1, below(3)
        t = t:sub(1, at) .. (cut < 2 and bytes:sub(byte, byte) or "") .. t:sub(at + (cut > 0 and 2 or 1))
      end
      local ok, v = pcall(json.decode, t, "f.json")
      if ok then
        read = read + 1
        local again = json.encode(v)
        assert.equal(again, json.encode(json.decode(again)))
      else
        assert.matches("^f%.json:%d: ", v)
      end
    end
    assert.is_true(read > 50)
  end)
end)

describe("json.encode", function()
  it("writes objects in key order, arrays in theirs", function()
    assert.equal('{"a": 1, "b": [1, 2], "c": {}}', json.encode { c = {}, b = { 1, 2 }, a = 1 })
    assert.equal("[]", json.encode(setmetatable({}, json.array)))
  end)

  it("follows __order first", function()
    local t = setmetatable({ z = 1, a = 2, m = 3 }, { __order = { "z", "absent", "z", "m" } })
    assert.equal('{"z": 1, "m": 3, "a": 2}', json.encode(t))
  end)

  it("indents", function()
    assert.equal('{\n  "a": [\n    1,\n    true\n  ],\n  "b": {}\n}',
      json.encode({ a = { 1, true }, b = {} }, { indent = 2 }))
    assert.is_false(pcall(json.encode, {}, { indent = -1 }))
  end)

  it("writes the shortest number that reads back the same", function()
    assert.equal("[0.1, 5, 5, 1e+300, 0.30000000000000004]", json.encode { 0.1, 5, 5.0, 1e300, 0.1 + 0.2 })
    for _, x in ipairs { 1 / 3, 2 ^ 0.5, 5e-324, 1.7976931348623157e308, 123456789.125, -2.5e-7 } do
      assert.equal(x, json.decode(json.encode(x)))
    end
    assert.equal("-9223372036854775808", json.encode(math.mininteger))
  end)

  it("escapes strings and mends broken UTF-8", function()
    assert.equal([["\"\\/\n\u0001é"]], json.encode "\"\\/\n\1é")
    assert.equal([["\u0000"]], json.encode "\0")
    assert.equal("\"a\u{fffd}b\"", json.encode "a\xffb")
    assert.equal("\"\u{fffd}\u{fffd}\u{fffd}\"", json.encode "\xed\xa0\x80")  -- a surrogate written as UTF-8
    assert.equal("\"\u{fffd}\u{fffd}\"", json.encode "\xc0\x80")             -- overlong
    assert.equal('"\u{10ffff}"', json.encode "\u{10ffff}")
  end)

  it("names the place of what JSON cannot hold", function()
    local function message(v) return (select(2, pcall(json.encode, v))) end
    assert.equal("value.a.b[2].c: JSON has no infinity and no NaN", message { a = { b = { 1, { c = 0 / 0 } } } })
    assert.equal("value.f: JSON cannot hold a function", message { f = print })
    assert.matches("^value: a table with keys", message { 1, x = 2 })
    assert.matches("^value: a table with keys", message { 1, nil, 3, [7] = 1 })
    assert.matches("^value: a table with keys", message { [1.5] = 1 })
    local loop = {}
    loop.loop = loop
    assert.equal("value.loop.loop.loop.loop.loop.loop.loop.loop...: nested deeper than 200 levels, or in itself",
      message(loop))
  end)

  it("writes what it read", function()
    local text = '{"a": [1, 2.5, null, {}, []], "b": {"c": "x", "d": false}}'
    assert.equal(text, json.encode(json.decode(text)))
    assert.equal("[null, 1]", json.encode(setmetatable({ nil, 1 }, json.array)))
  end)

  it("gives the same bytes whatever the order of insertion", function()
    local one, two = {}, {}
    for i = 1, 100 do one["k" .. i] = i end
    for i = 100, 1, -1 do two["k" .. i] = i end
    assert.equal(json.encode(one), json.encode(two))
  end)
end)
