--- The files that the points of a sweep were computed from, by digest: in the results file, a point says which it read,
-- so that a sweep that goes on knows whose results still hold.
local core = require "oracle.core"
local ordered = require "oracle.text.ordered"
local paths = require "oracle.text.paths"

local sweep_inputs = {}

local METHODS = {}
METHODS.__index = METHODS

local SHIPPED = "oracle:"                                 -- what comes with oracle, wherever it is installed

--- @param folder of the scenario: files below it are known by their place there, so that all may move together
function sweep_inputs.new(folder)
  return setmetatable({ folder = folder, digests = {}, signatures = {} }, METHODS)
end

local function name_of(self, path)
  local home, beside = paths.root .. "/", self.folder .. "/"
  path = path:gsub("/%./", "/"):gsub("^%./", "")
  if path:sub(1, #home) == home then return SHIPPED .. path:sub(#home + 1) end
  if path:sub(1, #beside) == beside then return "./" .. path:sub(#beside + 1) end
  if self.folder == "." and path:sub(1, 1) ~= "/" then return "./" .. path end
  return path
end

local function path_of(self, name)
  if name:sub(1, #SHIPPED) == SHIPPED then return paths.path(name:sub(#SHIPPED + 1)) end
  if name:sub(1, 2) ~= "./" then return name end
  return self.folder == "." and name:sub(3) or self.folder .. name:sub(2)
end

-- Of a device there is none: what comes out of it is gone.
local function digest(path)
  return core.journal.digest(path) or "none"
end

--- The digests of the files of a point, each read once; an error where one has changed since.
-- @param list of paths, or nil
-- @return JSON: {"name":"digest",...}; nil and one line where a file changed while the sweep ran
function METHODS:of(list)
  local rows = {}
  for i, path in ipairs(list or {}) do
    local now = core.journal.signature(path) or "gone"
    if not self.digests[path] then
      self.digests[path], self.signatures[path] = digest(path), now
    elseif self.signatures[path] ~= now and digest(path) ~= self.digests[path] then
      return nil, ("%s: changed while the sweep ran"):format(path)
    end
    self.signatures[path] = now
    rows[i] = { name_of(self, path), self.digests[path] }
  end
  return core.json.encode(ordered.object(rows))
end

--- Which of the files of points are not what they were.
-- @param list { [point] = { name = digest } }
-- @return { name = true }; and the points that read one of them, { [point] = true }
function METHODS:changed(list)
  local now, names, points = {}, {}, {}
  for i, files in pairs(list) do
    for name, was in pairs(files) do
      now[name] = now[name] or digest(path_of(self, name))
      if now[name] ~= was then names[name], points[i] = true, true end
    end
  end
  return names, points
end

--- The path that a name of a file stands for.
function METHODS:path(name)
  return path_of(self, name)
end

return sweep_inputs
