--- Patterns matched in Lua: the same as Lua's own, and an end to those that have none.
local pattern = require "oracle.policy.pattern"
local sandbox = require "oracle.policy.sandbox"

local PIECES = {
  "a", "b", ".", "%a", "%d", "[ab]", "[^a]", "[%d_]", "[]a]", "[^]]", "%.", "a*", "b+", ".-", "a?", "%w*", "[ab]-",
  ".*", "(a*)", "(.)", "()", "(.-)", "%b()", "%f[%w]", "%1", "$", "^", "-", "%s+", "((a)b)", "[a-c]", "%%", "(", ")",
  "[", "%", "[%a-z]", "[a-]",
}
local CHARS = { "a", "b", "c", "1", "_", ".", "(", ")", " ", "]", "%", "-", "\0" }

local function generator(seed)
  local state = seed
  return function(n)
    state = state * 48271 % 2147483647
    return state // 7 % n + 1
  end
end

local function all(g, s, p)
  local list = {}
  for a, b in g(s, p) do list[#list + 1] = ("%s:%s"):format(a, b) end
  return table.concat(list, ",")
end

-- Lua's own finds fault with a pattern only where it comes by; ours reads it all first.
local function same(own, other, what)
  if own[1] and other[1] then
    assert.equal(own.n, other.n, what)
    for i = 2, own.n do assert.equal(own[i], other[i], what) end
  end
  if other[1] then assert.is_true(own[1], what) end
end

describe("a match in Lua", function()
  it("gives what Lua's own gives", function()
    local draw = generator(7)
    local by = { "<%0>", "x", function(a) return "[" .. tostring(a) .. "]" end, { a = "A", b = 2 }, "%1" }
    for _ = 1, 4000 do
      local p, s = {}, {}
      for k = 1, draw(5) do p[k] = PIECES[draw(#PIECES)] end
      for k = 1, draw(9) - 1 do s[k] = CHARS[draw(#CHARS)] end
      p, s = (draw(5) == 1 and "^" or "") .. table.concat(p), table.concat(s)
      local init, what = draw(4) == 1 and draw(12) - 6 or nil, ("%q in %q"):format(p, s)
      for _, f in ipairs { "find", "match" } do
        same(table.pack(pcall(string[f], s, p, init)), table.pack(pcall(pattern[f], s, p, init)), what)
      end
      same(table.pack(pcall(all, string.gmatch, s, p)), table.pack(pcall(all, pattern.gmatch, s, p)), what)
      local r, most = by[draw(#by)], draw(4) == 1 and draw(4) - 1 or nil
      same(table.pack(pcall(string.gsub, s, p, r, most)), table.pack(pcall(pattern.gsub, s, p, r, most)), what)
    end
  end)

  it("ends", function()
    for _, call in ipairs {
      function() return pattern.find(("a"):rep(40), ("a-"):rep(30) .. "b") end,
      function() return pattern.match(("a"):rep(200), ("(a*)"):rep(8) .. "b") end,
      function() return pattern.gsub(("a"):rep(60), ("a?"):rep(60) .. "b", "") end,
    } do
      local ok, why = pcall(call)
      assert.is_false(ok)
      assert.equal(pattern.TOO_LONG, why)
    end
  end)
end)

describe("a policy", function()
  it("has honest patterns on long texts", function()
    local path = os.tmpname()
    local f = io.open(path, "w")
    f:write([[
      local s = ("rate = 12.5, burst=3, "):rep(20)
      local a, b = s:match("^(%w+)%s*=%s*([%d.]+)")
      local n = 0
      for _ in ("key=value; "):rep(50):gmatch("(%w+)%s*=%s*(%w+)") do n = n + 1 end
      local swapped, times = (("key=value; "):rep(50)):gsub("(%w+)=(%w+)", "%2=%1")
      local ok, why = pcall(string.match, ("a"):rep(200), ("(a*)"):rep(8) .. "b")
      return { a, b, n, times, swapped:sub(1, 10), (s:find("^(.*)(.*)(.*)burst")), ok, why:match("string.*") }
    ]])
    f:close()
    local got, why = sandbox.load(path)
    os.remove(path)
    assert.same({ "rate", "12.5", 50, 50, "value=key;", 1, false,
                  "string.match: this pattern may take too long on 200 characters" }, got, why)
  end)
end)
