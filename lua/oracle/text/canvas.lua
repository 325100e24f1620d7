--- A drawing of dots made of characters: 2 x 4 dots in each in Braille, or one mark in each where several lines must be
-- told apart without colours, and on terminals without UTF-8.
local canvas = {}

local METHODS = {}
METHODS.__index = METHODS

-- Braille: U+2800 and these bits by row and column.
local BITS = { { 0x01, 0x08 }, { 0x02, 0x10 }, { 0x04, 0x20 }, { 0x40, 0x80 } }
local MARKS = { ascii = { "*", "+", "o", "x", "#", "%", "@", "&" },
                unicode = { "•", "+", "×", "○", "▪", "▫", "◆", "◇" } }
-- Colours of a terminal, in an order in which neighbours differ: blue, yellow, green, magenta, cyan, red.
local COLOURS = { 34, 33, 32, 35, 36, 31, 94, 93 }

--- An empty one.
-- @param width, height in characters
-- @param how { unicode =, colour = each line has its own, several = lines are told apart, points = they are marks }
function canvas.new(width, height, how)
  local braille = how.unicode and not how.points and (how.colour or not how.several)
  return setmetatable({ width = width, height = height, braille = braille, colour = how.colour,
                        marks = how.unicode and MARKS.unicode or MARKS.ascii, cells = {}, of = {},
                        columns = width * (braille and 2 or 1), rows = height * (braille and 4 or 1) }, METHODS)
end

--- A dot of line `index`; x from the left, y from the top, from 0 on.
function METHODS:dot(x, y, index)
  local across, down = self.braille and 2 or 1, self.braille and 4 or 1
  local cell = (y // down) * self.width + x // across
  self.of[cell] = index or 1
  self.cells[cell] = self.braille and ((self.cells[cell] or 0) | BITS[y % 4 + 1][x % 2 + 1]) or 1
end

--- Bresenham's line between two dots.
function METHODS:line(x1, y1, x2, y2, index)
  local dx, dy = math.abs(x2 - x1), -math.abs(y2 - y1)
  local sx, sy, err = x1 < x2 and 1 or -1, y1 < y2 and 1 or -1, dx + dy
  while true do
    self:dot(x1, y1, index)
    if x1 == x2 and y1 == y2 then return end
    local twice = 2 * err
    if twice >= dy then err, x1 = err + dy, x1 + sx end
    if twice <= dx then err, y1 = err + dx, y1 + sy end
  end
end

--- A text in the colour of line `index`.
function METHODS:paint(text, index)
  if not self.colour then return text end
  return ("\27[%dm%s\27[0m"):format(COLOURS[(index - 1) % #COLOURS + 1], text)
end

--- What stands for line `index` in a legend.
function METHODS:sample(index)
  local mark = self.braille and "━━" or self.marks[(index - 1) % #self.marks + 1]
  return self:paint(mark, index)
end

--- A row of characters, without blanks at its end.
function METHODS:row(row)
  local out, blanks = {}, 0
  for column = 0, self.width - 1 do
    local cell, of = self.cells[row * self.width + column], self.of[row * self.width + column]
    if not cell then
      blanks = blanks + 1
    else
      out[#out + 1] = (" "):rep(blanks)
      local mark = self.braille and utf8.char(0x2800 + cell) or self.marks[(of - 1) % #self.marks + 1]
      out[#out + 1] = self:paint(mark, of)
      blanks = 0
    end
  end
  return table.concat(out)
end

return canvas
