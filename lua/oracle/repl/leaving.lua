--- The words that end a session: `quit` and `exit`, bare or called, with an exit status if there is one.
local leaving = {}

local LEAVE = { __name = "oracle.leaving" }

-- What ends the session that it comes to, as a value or as an error.
local function left(status)
  return setmetatable({ status = status }, LEAVE)
end

--- The value of the words: typed alone it ends the session, called it does so from within.
leaving.word = setmetatable({}, {
  __name = "oracle.leaving", __tostring = function() return "ends the session" end,
  __call = function(_, status)
    if status ~= nil and not (math.type(status) == "integer" and status >= 0 and status <= 255) then
      error("quit: an exit status from 0 to 255 expected", 0)
    end
    error(left(status or 0), 0)
  end,
})

--- The status to leave with where a value, or an error, is to end the session; nil: it is not.
function leaving.status(v)
  if rawequal(v, leaving.word) then return 0 end
  return getmetatable(v) == LEAVE and v.status or nil
end

return leaving
