--- Result files: found unwritable before the run, never left half written.
-- Text goes to a file beside the target, which takes the target's name when all is there.
local lazy = require "oracle.lazy"
local core = require "oracle.core"
local host = lazy.optional "oracle.host"
local paths = require "oracle.text.paths"

local output = {}

local METHODS = {}
METHODS.__index = METHODS

--- Whether a path is written in place, and keeps nothing that could be read again: a device or a pipe, which a file of
-- that name would replace.
function output.streams(path)
  return path:match "^/dev/" ~= nil or path:match "^/proc/" ~= nil or core.new_file.streams(path)
end

--- A path without what leads nowhere: "./a//b/../c" -> "a/c". Two that are equal then are one file.
function output.plain(path)
  local parts, root = {}, path:sub(1, 1) == "/" and "/" or ""
  for part in path:gmatch("[^/]+") do
    if part == ".." and #parts > 0 and parts[#parts] ~= ".." then
      parts[#parts] = nil
    elseif part ~= "." then
      parts[#parts + 1] = part
    end
  end
  return root .. table.concat(parts, "/")
end

local function reason(why, path)
  local text = tostring(why)
  if text:sub(1, #path + 2) == path .. ": " then text = text:sub(#path + 3) end
  return text
end

-- Should the program be ended on the spot, by a second Ctrl-C or its own watch, the file goes.
local function unfinished(path, is)
  local program = host()
  if program then program.partial_file(path, is) end
end

--- Make ready to write a file.
-- @param path of the file; "-" is the standard output
-- @return an output; or nil and "path: why it cannot be written"
function output.open(path)
  if path == "-" then return setmetatable({ path = "-", target = "-", stdout = true }, METHODS) end
  if path == "" then return nil, "an output file needs a name" end
  if output.streams(path) then
    -- Whoever reads a pipe would take a look at it for its end.
    if path:match "^/dev/" or not core.new_file.streams(path) then
      local f, why = io.open(path, "a")
      if not f then return nil, path .. ": " .. reason(why, path) end
      f:close()
    end
    return setmetatable({ path = path, target = path }, METHODS)
  end
  local old = io.open(path, "r")
  if old then
    local _, why, code = old:read(0)
    old:close()
    if why and code then return nil, path .. ": " .. reason(why, path) end
    local f, denied = io.open(path, "a")
    if not f then return nil, path .. ": " .. reason(denied, path) end
    f:close()
  end
  local partial, why = core.new_file.create(path)
  if not partial then return nil, path .. ": " .. reason(why, path) end
  unfinished(partial, true)
  return setmetatable({ path = partial, target = path, partial = true }, METHODS)
end

local function write_pieces(f, text)
  if type(text) == "string" then return f:write(text) end
  for piece in text do
    local ok, wrong = f:write(piece)
    if not ok then return nil, wrong end
  end
  return true
end

--- Write the whole text.
-- @param text a string, or function() -> the next piece or nil
-- @return true; or nil and "path: why": nothing is left behind then
function METHODS:write(text)
  local f, why
  if self.stdout then
    f = io.stdout
  else
    f, why = (self.partial and core.new_file.open or io.open)(self.path, "w")
    if not f then return nil, self.target .. ": " .. reason(why, self.path) end
  end
  local ok, wrong = write_pieces(f, text)
  if ok then ok, wrong = f:flush() end
  if not self.stdout then
    local closed, late = f:close()
    if ok and not closed then ok, wrong = nil, late end
  end
  if ok then return true end
  self:discard()
  return nil, (self.stdout and "stdout" or self.target) .. ": " .. tostring(wrong)
end

--- All is written: the file takes its name.
-- @return true; or nil and "path: why": nothing is left behind then
function METHODS:commit()
  if not self.partial then return true end
  local ok, why = os.rename(self.path, self.target)
  if not ok then
    self:discard()
    return nil, self.target .. ": " .. reason(why, self.path)
  end
  unfinished(self.path, false)
  self.partial = false
  return true
end

--- The run failed: nothing is left behind.
function METHODS:discard()
  if self.partial then
    os.remove(self.path)
    unfinished(self.path, false)
  end
  self.partial = false
end

--- Refuse to write over a finished file that nobody gave up.
-- @param path of the file that is to be written
-- @param force true where it may be replaced
-- Raises "path: exists; --force replaces it". An empty file, a device or a pipe holds nothing that could be lost.
function output.keep(path, force)
  if force or path == "-" or output.streams(path) then return end
  local f = io.open(path, "r")
  local size = f and f:seek "end"
  if f then f:close() end
  if size and size > 0 then error(("%s: exists; --force replaces it"):format(path), 0) end
end

--- Make the folder of an output file, or raise why it cannot be.
function output.make_folder(path)
  local folder = path:match("^(.*)/[^/]*$")
  if not folder or folder == "" or paths.exists(folder) then return end
  local made, why = core.make_folder(folder)
  if not made then error(why, 0) end
end

--- Write a whole file, or raise why it cannot be.
function output.write_file(path, text)
  local o, why = output.open(path)
  if not o then error(why, 0) end
  local ok, wrong = o:write(text)
  if ok then ok, wrong = o:commit() end
  if not ok then error(wrong, 0) end
end

return output
