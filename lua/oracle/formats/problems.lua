--- What is wrong with a configuration file: messages with key path and, where the text tells, line.
-- Paths count from 0, as YAML and JSON people do: "workload.client_profiles[0].weight".
local problems = {}

local METHODS = {}
METHODS.__index = METHODS

--- @param marks path -> { line = } of oracle.formats.document; may be empty
function problems.new(marks)
  return setmetatable({ marks = marks or {}, errors = {}, warnings = {}, fixes = {}, places = {} }, METHODS)
end

--- The path of a key below another path; a whole number is an index from 0.
function problems.join(path, key)
  if math.type(key) == "integer" then return ("%s[%d]"):format(path, key) end
  return path == "" and tostring(key) or path .. "." .. tostring(key)
end

-- The line of a path, or of the nearest part of it that has one.
local function line_of(marks, path)
  while path ~= "" do
    if marks[path] then return marks[path].line end
    path = path:match("^(.*)%.[^.%[]*$") or path:match("^(.*)%[%d+%]$") or ""
  end
  return nil
end

local WORD, TEXT = 60, 600                                -- letters shown of one word, and of all

-- One line that a terminal can show, whatever the file says.
local function tidy(text)
  text = text:gsub("[%c\127]+", " "):gsub("[^%s]+", function(word)
    return #word > 2 * WORD and word:sub(1, WORD) .. "..." or nil
  end)
  return #text > TEXT and text:sub(1, utf8.offset(text, 0, TEXT) - 1) .. " ..." or text
end

local function entry(self, path, text)
  return { path = tidy(path), line = line_of(self.marks, path), message = tidy(text) }
end

local function format(text, ...)
  return select("#", ...) > 0 and text:format(...) or text
end

--- Note an error; returns nil so that a reader can `return p:add(...)`.
function METHODS:add(path, text, ...)
  self.errors[#self.errors + 1] = entry(self, path, format(text, ...))
  return nil
end

--- Note something that is no error but that the user should know; the same words are said once.
function METHODS:warn(path, text, ...)
  local e = entry(self, path, format(text, ...))
  for _, w in ipairs(self.warnings) do
    if w.message == e.message and w.path:gsub("%[%d+%]", "") == path:gsub("%[%d+%]", "") then return end
  end
  self.warnings[#self.warnings + 1] = e
end

--- Note how an error could be mended: oracle.formats.yaml.fix knows the kinds.
function METHODS:offer(fix)
  self.fixes[#self.fixes + 1] = fix
end

--- One problem as text: "path (line 12): message".
function problems.text(e)
  local where = e.path
  if e.line then where = where == "" and ("line %d"):format(e.line) or ("%s (line %d)"):format(where, e.line) end
  return where == "" and e.message or where .. ": " .. e.message
end

--- Remember that a key of the scenario was said at `path`.
-- @param name such as "engine.max_num_seqs"; several places may say one, each of another server or profile
function METHODS:place(name, path)
  self.places[#self.places + 1] = { name = name, path = path }
end

-- Where a scenario's key was said, below `base`; "" for its own path and anything else.
local function said_at(places, name, base)
  for i = #places, 1, -1 do
    local at = places[i]
    if at.name == name and at.path:sub(1, #base) == base then return at.path end
  end
end

--- Note an error that the scenario made from the file met with: at the key that the file says it with.
-- @param why "engine.max_num_seqs: what is wrong"; where only a key above it was said, the rest stays in the message
-- @param base the path of the server or the profile it is about; "" for the whole file
-- @return true; false where no place is known, and nothing is noted
function METHODS:locate(why, base)
  local key, message = why:match("^([%a_][%w_.%[%]]*): (.*)$")
  local name, rest = key, ""
  while name do
    local path = said_at(self.places, name, base)
    if path then
      self:add(path, "%s%s", rest == "" and "" or rest .. ": ", message)
      return true
    end
    local above, below = name:match("^(.+)%.([^.]+)$")
    if not above then above, below = name:match("^(.+)(%[%d+%])$") end
    rest = below and rest ~= "" and below .. "." .. rest or below
    name = above
  end
  return false
end

--- The warnings as text, in order.
function METHODS:said()
  local list = {}
  for i, w in ipairs(self.warnings) do list[i] = problems.text(w) end
  return list
end

local SHOWN = 3

--- All errors in one line, for a run: the first three and how many more.
function METHODS:one_line()
  local parts = {}
  for i = 1, math.min(SHOWN, #self.errors) do parts[i] = problems.text(self.errors[i]) end
  local more = #self.errors - #parts
  return table.concat(parts, "; ") .. (more > 0 and (" (and %d more %s)"):format(more,
    more == 1 and "error" or "errors") or "")
end

return problems
