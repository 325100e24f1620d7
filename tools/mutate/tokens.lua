--- The tokens of a C or a Lua source, without comments, strings and (C) what the preprocessor reads: a list of
-- { kind = "name" | "number" | "op", text, from, to, line }, `from` and `to` in bytes.

-- The longest comes first.
local C_OPS = { "<<=", ">>=", "...", "->", "++", "--", "<<", ">>", "<=", ">=", "==", "!=", "&&", "||", "+=", "-=", "*=",
  "/=", "%=", "&=", "|=", "^=" }
local LUA_OPS = { "...", "..", "==", "~=", "<=", ">=", "//", "::", "<<", ">>" }

local function operator(text, at, ops)
  for _, op in ipairs(ops) do
    if text:sub(at, at + #op - 1) == op then return op end
  end
  return text:sub(at, at)
end

--- Where what begins at `at` and is no code ends; nil where code does.
local function skipped_c(text, at)
  if text:find("^/%*", at) then return select(2, text:find("*/", at + 2, true)) end
  if text:find("^//", at) then return (text:find("\n", at, true) or #text + 1) - 1 end
  local quote = text:match("^[\"']", at)
  if quote then
    local i = at + 1
    while text:sub(i, i) ~= quote do i = i + (text:sub(i, i) == "\\" and 2 or 1) end
    return i
  end
  if text:find("^#", at) and text:sub(1, at - 1):match "[^\n]*$":match "^%s*$" then
    local i = at
    repeat
      i = text:find("\n", i + 1, true) or #text
    until text:sub(i - 1, i - 1) ~= "\\"
    return i - 1
  end
end

local function skipped_lua(text, at)
  local comment = text:match("^%-%-", at)
  local level = text:match("^%[(=*)%[", comment and at + 2 or at)
  if level then return select(2, text:find("]" .. level .. "]", at, true)) end
  if comment then return (text:find("\n", at, true) or #text + 1) - 1 end
  local quote = text:match("^[\"']", at)
  if not quote then return nil end
  local i = at + 1
  while text:sub(i, i) ~= quote do i = i + (text:sub(i, i) == "\\" and 2 or 1) end
  return i
end

return function(text, language)
  local list, at, line = {}, 1, 1
  local skipped, ops = skipped_lua, LUA_OPS
  if language == "c" then skipped, ops = skipped_c, C_OPS end
  while at <= #text do
    local last = skipped(text, at)
    if last then
      -- A string is an operand: an operator behind it has two.
      if text:find("^[\"'%[]", at) then
        list[#list + 1] = { kind = "string", text = "", from = at, to = last, line = line }
      end
    elseif text:find("^%s", at) then
      last = at
    else
      local kind, word = "number", text:match("^%.?%d[%w.]*", at)
      if word and word:find "^0[xX]" == nil and word:find "[eE]$" then word = text:match("^%.?%d[%w.]*[+-]?%w*", at) end
      if not word then kind, word = "name", text:match("^[%a_][%w_]*", at) end
      if not word then kind, word = "op", operator(text, at, ops) end
      last = at + #word - 1
      list[#list + 1] = { kind = kind, text = word, from = at, to = last, line = line }
    end
    line = line + select(2, text:sub(at, last):gsub("\n", ""))
    at = last + 1
  end
  return list
end
