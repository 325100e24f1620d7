--- The small errors that a source could have had: operators, constants, conditions and returns, one at a time.
-- `changes(text, language)` gives a list of { from, to, new, line }: bytes from..to become `new`.
local tokens = require "tokens"

local BOTH = { ["<"] = "<=", ["<="] = "<", [">"] = ">=", [">="] = ">", ["+"] = "-", ["-"] = "+", ["*"] = "/",
  ["/"] = "*", ["%"] = "*", ["<<"] = ">>", [">>"] = "<<", ["&"] = "|", ["|"] = "&" }
local OWN = {
  c = { ["=="] = "!=", ["!="] = "==", ["&&"] = "||", ["||"] = "&&", ["++"] = "--", ["--"] = "++", ["+="] = "-=",
        ["-="] = "+=", ["*="] = "/=", ["/="] = "*=", ["|="] = "&=", ["&="] = "|=" },
  lua = { ["=="] = "~=", ["~="] = "==", ["//"] = "*" },
}
local WORDS = {
  c = { ["true"] = "false", ["false"] = "true", fmin = "fmax", fmax = "fmin", floor = "ceil", ceil = "floor",
        ["continue"] = "break" },
  lua = { ["true"] = "false", ["false"] = "true", ["and"] = "or", ["or"] = "and", min = "max", max = "min",
          floor = "ceil", ceil = "floor" },
}
-- Between spaces alone they stand between two operands: the house's style (.clang-format; Lua likewise).
local SPACED = { ["+"] = true, ["-"] = true, ["*"] = true, ["&"] = true, ["<"] = true, [">"] = true }

local function number(text)
  local whole, rest = text:match "^(%d+)([uUlL]*)$"
  if whole and math.tointeger(whole) and not (#whole > 1 and whole:sub(1, 1) == "0") then
    return ("%d%s"):format(math.tointeger(whole) + 1, rest)
  end
  if text:find "^0[xX]" then return text:match "^0[xX]%x+" and ("(%s + 1)"):format(text) end
  if not tonumber(text) then return nil end
  return tonumber(text) == 0 and "1.0" or ("(2 * %s)"):format(text)
end

-- The token that closes the bracket at `i`.
local function closing(list, i)
  local depth = 0
  for k = i, #list do
    local t = list[k].text
    if list[k].kind == "op" and (t == "(" or t == "[" or t == "{") then depth = depth + 1 end
    if list[k].kind == "op" and (t == ")" or t == "]" or t == "}") then depth = depth - 1 end
    if depth == 0 then return k end
  end
end

local function of_c(list, i, add, text)
  local t, next = list[i], list[i + 1]
  if (t.text == "if" or t.text == "while") and next.text == "(" then
    local last = list[closing(list, i + 1)]
    add(next.from, last.to, ("(!%s)"):format(text:sub(next.from, last.to)))
  elseif t.text == "return" then
    local last = i + 1
    while list[last].text ~= ";" do last = list[last].text == "(" and closing(list, last) + 1 or last + 1 end
    if last == i + 1 then
      add(t.from, t.to, "")
    elseif last > i + 2 then -- a constant is one of its own
      add(next.from, list[last].from - 1, "0")
    end
  elseif t.text == "!" and (next.kind == "name" or next.text == "(") then
    add(t.from, t.to, "")
  end
end

-- The `then` or `do` of the condition behind `i`, past functions in it.
local function condition_end(list, i)
  local depth = 0
  for k = i + 1, #list do
    local t = list[k].text
    if t == "function" then depth = depth + 1 end
    if t == "end" then depth = depth - 1 end
    if depth == 0 and (t == "then" or t == "do") then return k end
  end
end

local function of_lua(list, i, add, text)
  local t, next = list[i], list[i + 1]
  if t.text == "if" or t.text == "elseif" or t.text == "while" then
    local last = list[condition_end(list, i) - 1]
    add(next.from, last.to, ("not (%s)"):format(text:sub(next.from, last.to)))
  elseif t.text == "return" then
    local module = text:sub(t.from - 1, t.from - 1) ~= " " -- a module without its value breaks whatever is tested
    if module or next.text == "end" or next.text == "nil" then return end
    add(next.from, next.from - 1, "nil and ")
  elseif t.text == "not" then
    add(t.from, t.to, "")
  end
end

-- What stands in an assertion, or is the angle of `local x <const>`.
local function left_out(list, language)
  local out = {}
  for i, t in ipairs(list) do
    if language == "c" and (t.text == "ORC_ASSERT" or t.text == "_Static_assert") then
      for k = i, closing(list, i + 1) do out[k] = true end
    elseif language == "lua" and (t.text == "const" or t.text == "close") and list[i - 1].text == "<" then
      out[i - 1], out[i + 1] = true, true
    end
  end
  return out
end

-- Where the greater (or less) of two is kept, it is the same whether equals are.
local function keeps(text, at)
  local line = text:sub(1, at):match "[^\n]*$" .. text:match("^[^\n]*", at + 1)
  local a, b, to, from = line:match "if %(?(.-) [<>]=? (.-)%)? *t?h?e?n? ([^ ]+) = ([^; ]+)"
  return a and (a == to and b == from or a == from and b == to)
end

-- What the operator or the word at `i` becomes; nil: it stays.
local function other(list, i, language, text)
  local t = list[i]
  if t.kind == "number" then return number(t.text) end
  if t.kind == "op" then
    if t.text:find "^[<>]=?$" and keeps(text, t.from) then return nil end
    local spaced = text:sub(t.from - 1, t.from - 1):find "%s" and text:find("^%s", t.to + 1)
    return (spaced or not SPACED[t.text]) and (OWN[language][t.text] or BOTH[t.text])
  end
  if t.kind ~= "name" or (list[i + 1] and list[i + 1].text == "=") then return nil end
  if (t.text == "min" or t.text == "max") and list[i - 2].text ~= "math" then return nil end
  return WORDS[language][t.text]
end

return function(text, language)
  local list, found = tokens(text, language), {}
  local out, structure = left_out(list, language), language == "c" and of_c or of_lua
  for i, t in ipairs(list) do
    local function add(from, to, new)
      found[#found + 1] = { from = from, to = to, new = new, line = t.line }
    end
    if not out[i] then
      local new = other(list, i, language, text)
      if new then add(t.from, t.to, new) end
      structure(list, i, add, text)
    end
  end
  return found
end
