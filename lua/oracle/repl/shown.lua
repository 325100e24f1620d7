--- A text that the prompt prints as it is, not as a quoted string.
local console = require "oracle.text.console"

local TEXT = console.printable { __show = function(t) return t.text end }

return function(text)
  return setmetatable({ text = text }, TEXT)
end
