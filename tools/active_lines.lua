--- The lines of a compiled chunk that have code: every function of it, by string.dump's format (Lua 5.4).
return function(chunk)
  local s, at = string.dump(chunk), 1
  local function byte()
    at = at + 1
    return s:byte(at - 1)
  end
  local function varint()
    local n = 0
    repeat
      local b = byte()
      n = n << 7 | b & 0x7f
    until b & 0x80 ~= 0
    return n
  end
  local function skip(size, count)
    at = at + size * count
  end
  local function text()
    local n = varint()
    if n > 0 then at = at + n - 1 end
  end
  assert(s:sub(1, 5) == "\27LuaT", "tools/active_lines: Lua 5.4 expected")
  at = 4 + 1 + 1 + 6 + 1 + 1 + 1 + 8 + 8 + 1 + 1 -- header, sizes, check numbers, upvalues
  local lines = {}
  local function proto()
    text()
    local first = varint()
    varint()
    at = at + 1
    local vararg = byte() ~= 0
    at = at + 1
    skip(4, varint())
    for _ = 1, varint() do
      local kind = byte()
      if kind == 0x13 or kind == 0x03 then at = at + 8 elseif kind == 0x04 or kind == 0x14 then text() end
    end
    skip(3, varint())
    for _ = 1, varint() do proto() end
    local delta = {}
    for i = 1, varint() do
      local d = byte()
      delta[i] = d < 128 and d or d - 256
    end
    local absolute = {}
    for _ = 1, varint() do
      local pc = varint()
      absolute[pc] = varint()
    end
    local line = first
    for i, d in ipairs(delta) do
      line = d == -128 and absolute[i - 1] or line + d
      -- A vararg function begins with code of no line of its own; the last return is that of the closing `end`.
      if not (vararg and i == 1) and i < #delta then lines[line] = true end
    end
    for _ = 1, varint() do
      text()
      varint()
      varint()
    end
    for _ = 1, varint() do text() end
  end
  proto()
  return lines
end
