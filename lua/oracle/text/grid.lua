--- Aligned tables no wider than a terminal: heads go over several lines where that makes room, columns that find none
-- go below, beside the first ones again, and words of a column that is too wide by itself are wrapped. Widths count
-- characters, not bytes.
local grid = {}

grid.WIDTH = 80

local GAP = 2                                             -- blanks between two columns
local LEAST = 16                                          -- characters that a wrapped column gets at least

local function width(s)
  return utf8.len(s) or #s
end

local function pad(s, w, left)
  local blanks = (" "):rep(w - width(s))
  return left and s .. blanks or blanks .. s
end

-- A head and its unit, which may go on a line of its own; names stay whole, so that they can be copied.
local function pieces(head)
  local name, unit = head:match "^(.-)( %([^()]*%))$"
  return name and { name, unit } or { head }
end

-- Pieces of text in lines of at most `most` characters, where a piece is no longer.
local function lines_of(list, most)
  local lines, line = {}, ""
  for _, piece in ipairs(list) do
    local joined = line == "" and piece:gsub("^ ", "") or line .. piece
    if line ~= "" and width(joined) > most then
      lines[#lines + 1], line = line, (piece:gsub("^ ", ""))
    else
      line = joined
    end
  end
  lines[#lines + 1] = line
  return lines
end

local function widest(lines)
  local w = 0
  for _, line in ipairs(lines) do w = math.max(w, width(line)) end
  return w
end

-- The columns as they are printed: { head = lines, cells = { lines, ... }, width =, left = }.
local function columns_of(heads, rows, left)
  local list = {}
  for c, head in ipairs(heads) do
    local column = { name = head, head = { head }, cells = {}, width = width(head), left = left[c] }
    for r, row in ipairs(rows) do
      column.cells[r] = { row[c] }
      column.body = math.max(column.body or 0, width(row[c]))
    end
    column.width = math.max(column.width, column.body or 0)
    list[c] = column
  end
  return list
end

local function total(list)
  local sum = -GAP
  for _, column in ipairs(list) do sum = sum + GAP + column.width end
  return sum
end

-- Heads over several lines, as narrow as the cells and their own longest piece allow.
local function narrow_heads(list)
  for _, column in ipairs(list) do
    local parts = pieces(column.name)
    column.head = lines_of(parts, math.max(column.body or 0, widest(lines_of(parts, 1))))
    column.width = math.max(column.body or 0, widest(column.head))
  end
end

-- The words of a column that is too wide by itself, wrapped.
local function wrap(column, most)
  if column.width <= most then return end
  local function wrapped(text)
    local words = {}
    for word in text:gmatch "%S+" do
      repeat                                              -- a word longer than a line, such as a path, is cut
        local stop = width(word) > most and utf8.offset(word, most + 1) or #word + 1
        words[#words + 1] = " " .. word:sub(1, stop - 1)
        word = word:sub(stop)
      until word == ""
    end
    return #words > 0 and lines_of(words, most) or { text }
  end
  column.head, column.width = wrapped(column.name), most
  for r, cell in ipairs(column.cells) do column.cells[r] = wrapped(cell[1]) end
end

-- The lines that `of` gives for each column; low: what has fewer lines than others stands at the bottom.
local function put(out, list, of, low)
  local height = 1
  for _, column in ipairs(list) do height = math.max(height, #of(column)) end
  for l = 1, height do
    local cells = {}
    for c, column in ipairs(list) do
      local lines = of(column)
      local text = low and lines[l - height + #lines] or not low and lines[l] or ""
      cells[c] = pad(text or "", column.width, column.left)
    end
    out[#out + 1] = (table.concat(cells, (" "):rep(GAP)):gsub("%s+$", ""))
  end
end

local function print_block(out, list, rows)
  put(out, list, function(column) return column.head end, true)
  local rules = {}
  for c, column in ipairs(list) do rules[c] = ("-"):rep(column.width) end
  out[#out + 1] = table.concat(rules, (" "):rep(GAP))
  for r = 1, rows do                                      -- beside a wrapped name values stand where it ends
    put(out, list, function(column) return column.cells[r] end, #list[1].cells[r] > 1)
  end
end

-- Columns from `at` on beside the first `keep`, as many as fit; at least one. Returns the block and the next column.
local function block_from(list, keep, at)
  local block = table.move(list, 1, keep, 1, {})
  local used = total(block)
  repeat
    block[#block + 1], used = list[at], used + GAP + list[at].width
    at = at + 1
  until not list[at] or used + GAP + list[at].width > grid.WIDTH
  return block, at
end

-- The columns in parts that fit, each beside the first `keep`; where the first ones leave no room, beside fewer.
local function blocks_of(list, keep)
  keep = math.min(keep, #list - 1)
  for c = 1, keep do wrap(list[c], math.max(LEAST, (grid.WIDTH // 2 - GAP * keep) // keep)) end
  while keep > 0 and total(table.move(list, 1, keep, 1, {})) > grid.WIDTH - GAP - LEAST do keep = keep - 1 end
  local room = grid.WIDTH - (keep > 0 and total(table.move(list, 1, keep, 1, {})) + GAP or 0)
  local blocks, at = {}, keep + 1
  for c = at, #list do wrap(list[c], room) end
  while list[at] do blocks[#blocks + 1], at = block_from(list, keep, at) end
  return blocks
end

-- Whether the first columns tell the rows apart.
local function tells_apart(rows, keep)
  local seen = {}
  for _, row in ipairs(rows) do
    local name = table.concat(row, "\0", 1, math.min(keep, #row))
    if seen[name] then return false end
    seen[name] = true
  end
  return true
end

-- The same table with the rows numbered.
local function numbered(heads, rows, left)
  local own, more = { "#" }, {}
  table.move(heads, 1, #heads, 2, own)
  for r, row in ipairs(rows) do
    more[r] = { ("%d"):format(r) }
    table.move(row, 1, #row, 2, more[r])
  end
  return own, more, table.move(left, 1, #heads, 2, { false })
end

-- The parts of a table; units stand below names where that makes fewer parts.
local function parts_of(heads, rows, left, keep)
  local list = columns_of(heads, rows, left)
  if total(list) <= grid.WIDTH then return { list } end
  local narrow = columns_of(heads, rows, left)
  narrow_heads(narrow)
  if total(narrow) <= grid.WIDTH then return { narrow } end
  local blocks, others = blocks_of(list, keep), blocks_of(narrow, keep)
  return #others < #blocks and others or blocks
end

--- A table as text.
-- @param heads a list of texts
-- @param rows a list of lists of texts without control characters
-- @param left which columns are set to the left: a list of booleans
-- @param keep how many of the first columns stand in every part where a table is cut; rows that these do not tell apart
--   are numbered then
-- @return the text, ending in a newline
function grid.text(heads, rows, left, keep)
  local blocks = parts_of(heads, rows, left, keep)
  if #blocks > 1 and not tells_apart(rows, keep) then
    heads, rows, left = numbered(heads, rows, left)
    blocks = parts_of(heads, rows, left, keep + 1)
  end
  local out = {}
  for b, block in ipairs(blocks) do
    if b > 1 then out[#out + 1] = "" end
    print_block(out, block, #rows)
  end
  return table.concat(out, "\n") .. "\n"
end

return grid
