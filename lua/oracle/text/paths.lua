--- Where oracle's own files are, and where a path written in a scenario is looked for.
-- The home is the folder that holds lua/ and models/: the checkout, PREFIX/share/oracle, or $ORACLE_HOME.
local paths = {}

local _, here = ...                                       -- require passes the file it found

--- The home folder, without a trailing slash.
paths.root = tostring(here or "lua/oracle/text/paths.lua"):match("^(.*)/lua/oracle/text/paths%.lua$") or "."

--- A path inside the home folder.
-- @param relative such as "models/llm"
function paths.path(relative)
  return paths.root .. "/" .. relative
end

--- The folder part of a path, "." when it has none.
function paths.folder(path)
  local folder = path:match("^(.*)/[^/]*$")
  if folder == "" then return "/" end
  return folder or "."
end

-- Why the system could not look: not that nothing is there. EIO, ENOMEM, ENFILE, EMFILE.
local UNABLE = { [5] = true, [12] = true, [23] = true, [24] = true }

--- True when a file (or folder) of that name can be opened for reading. Raises "path: why" where the system cannot
-- tell.
function paths.exists(path)
  local f, why, code = io.open(path, "r")
  if f then f:close() elseif UNABLE[code] then error(why, 0) end
  return f ~= nil
end

local PIECE, MOST = 1 << 16, 256 << 20                    -- bytes

--- What an open file holds.
-- @return the text; or nil and why there is none: it cannot be read, or has no end
function paths.text(f)
  local pieces, size = {}, 0
  while true do
    local piece, why = f:read(PIECE)
    if not piece then
      if why then return nil, why end
      return pieces[2] and table.concat(pieces) or pieces[1] or ""
    end
    pieces[#pieces + 1], size = piece, size + #piece
    if size > MOST then return nil, ("longer than %d MiB"):format(MOST >> 20) end
  end
end

--- The text of a file.
-- @return the text; raises "path: why there is none"
function paths.read(path)
  local f, why = io.open(path, "rb")
  if not f then error((why:gsub("No such file or directory", "no such file")), 0) end
  local text, unreadable = paths.text(f)
  f:close()
  return text or error(("%s: %s"):format(path, unreadable), 0)
end

--- Find a file that a scenario or an option names.
-- @param path as written; an absolute one is taken as it is
-- @param folder the scenario's folder, or nil
-- @param here_first true for a path typed on the command line: the current folder goes first
-- @return the path to open; or nil and a message that says where it was looked for
function paths.find(path, folder, here_first)
  if path:sub(1, 1) == "/" then
    if paths.exists(path) then return path end
    return nil, "no such file"
  end
  local store = os.getenv("ORACLE_DATA")
  local places = {}
  if folder and folder ~= "." then places[1] = folder .. "/" .. path end
  table.insert(places, here_first and 1 or #places + 1, path)
  if store and store ~= "" then places[#places + 1] = store .. "/" .. path end
  for _, place in ipairs(places) do
    if paths.exists(place) then return place end
  end
  return nil, ("no such file%s in the current folder or in $ORACLE_DATA (%s)%s"):format(
    folder and folder ~= "." and " beside the scenario (" .. folder .. ")," or "",
    store and store ~= "" and store or "not set",
    path:match "^traces/" and "; docs/traces.md says where published traces come from" or "")
end

return paths
