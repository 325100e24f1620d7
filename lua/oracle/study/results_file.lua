--- The results file of a sweep: a line per point as it finishes, so that a sweep that was stopped, however, goes on
-- where it was. JSON lines: first {"oracle_sweep":1,...} says which sweep it is, then
-- {"point":17,"crc32":"89abcdef","inputs":{...},"result":{...}}, where `inputs` has a digest of each file it was
-- computed from (oracle.study.sweep_inputs). A line that was being written when the power went, or the process,
-- does not match its CRC and is left out. A point that could not run has a line too, with "error" in its result; who
-- goes on tries it again, since what was wrong may be mended, and of two lines of a point the later one counts.
local core = require "oracle.core"

local results_file = {}

local FORMAT = 2
local MAGIC = '{"oracle_sweep":'
local SYNC = 1                                            -- s; what is older survives a loss of power too

local OPEN = 1e12                                         -- points: more are no sweep, but as many as a plan asks for

local METHODS = {}
METHODS.__index = METHODS

local function crc(i, files, text)
  return ("%08x"):format(core.journal.crc32(("%d:"):format(i), files, ":", text))
end

local function line_of(i, files, text)
  return ('{"point":%d,"crc32":"%s","inputs":%s,"result":%s}\n'):format(i, crc(i, files, text), files, text)
end

local function header_line(id)
  local list = {}
  for k, setting in ipairs(id.settings) do list[k] = setting end
  local json = core.json
  local settings = json.encode(setmetatable(list, json.array))
  return ('%s%d,"oracle":%s,"scenario":%s,"crc32":"%08x","settings":%s,"points":%d}\n'):format(MAGIC, FORMAT,
    json.encode(id.version), json.encode(id.scenario), core.journal.crc32(id.text), settings, id.points)
end

-- ---- reading what is there ----

-- Each line with its end, and where it begins.
local function lines(file)
  local at, held, done = 0, "", false
  return function()
    while not held:find("\n", 1, true) and not done do
      local more = assert(file:read(at + #held, 1 << 16))
      done = more == ""
      held = held .. more
    end
    local stop = held:find("\n", 1, true) or #held
    if stop == 0 then return nil end
    local line, from = held:sub(1, stop), at
    held, at = held:sub(stop + 1), at + stop
    return line, from
  end
end

local function read_header(line)
  if line == nil or MAGIC:sub(1, #line) == line then return nil, "empty" end
  if line:sub(1, #MAGIC) ~= MAGIC then return nil, "foreign" end
  if line:sub(-1) ~= "\n" then return nil, "empty" end     -- killed while it was written: nothing follows
  local ok, t = pcall(core.json.decode, line)
  if not ok or type(t) ~= "table" or type(t.settings) ~= "table" then return nil, "foreign" end
  return t
end

-- Why the results of `t` are not those of `id`, and "scenario" where that is its file alone; nil when they are.
local function differs(t, id)
  if t.oracle_sweep ~= FORMAT then return ("of another format (%s)"):format(tostring(t.oracle_sweep)) end
  if t.oracle ~= id.version then return ("of oracle %s, and this is %s"):format(tostring(t.oracle), id.version) end
  if t.crc32 ~= ("%08x"):format(core.journal.crc32(id.text)) then
    if t.scenario == id.scenario then return ("of %s as it was before it changed"):format(id.scenario), "scenario" end
    return ("of another scenario: %s, not %s"):format(tostring(t.scenario), id.scenario)
  end
  local was, now = table.concat(t.settings, " "), table.concat(id.settings, " ")
  if was ~= now or t.points ~= id.points then
    return ("of other points: %s; now %s"):format(was == "" and "no options" or was, now == "" and "no options" or now)
  end
  return nil
end

-- Whether a result is that of a point that could not run.
local function is_failure(text)
  return text:find('"error":', 1, true) ~= nil and core.json.decode(text).error ~= nil
end

-- Finds the results in the file; its end is then after the last whole one.
local function scan(self, each)
  local stop, known = 0, {}
  for line, from in each do
    local i, sum, files, text = line:match('^{"point":(%d+),"crc32":"(%x+)","inputs":({.-}),"result":(.*)}\n$')
    i = math.tointeger(i)
    if i and i >= 1 and i <= self.planned and sum == crc(i, files, text) then
      if not self.where[i] then self.count = self.count + 1 end
      self.where[i], self.length[i] = from + #line - #text - #"}\n", #text
      self.failed[i] = is_failure(text) or nil
      known[files] = known[files] or core.json.decode(files)
      self.read[i] = known[files]
      stop = from + #line
    else
      self.damaged = self.damaged + 1
    end
  end
  return stop
end

-- These points have no result yet.
local function drop(self, points)
  for i in pairs(points) do
    if self.where[i] then self.where[i], self.length[i], self.count = nil, nil, self.count - 1 end
    self.read[i] = nil
  end
end

-- Files that are not what they were: the points that read them have no results any more, where that is asked for.
local function drop_changed(self, id, anyway)
  local names, points = id.inputs:changed(self.read)
  local changed, count = {}, 0
  for name in pairs(names) do changed[#changed + 1] = id.inputs:path(name) end
  for _ in pairs(points) do count = count + 1 end
  if #changed == 0 then return true end
  table.sort(changed)
  self.changed = { files = changed, points = count }
  if not anyway then
    local were = #changed == 1 and "it was" or "they were"
    return nil, ("holds results of %s as %s before; %d of %d points read that: --resume=anyway computes them again, "
      .. "--out with another name begins a new sweep"):format(table.concat(changed, ", "), were, count, self.planned)
  end
  drop(self, points)
  return true
end

local function start_over(self, id)
  local ok, why = self.file:truncate(0)
  if ok then ok, why = self.file:append(header_line(id)) end
  if ok then ok, why = self.file:sync() end
  return ok, why
end

-- What the file holds decides: go on, begin anew, or refuse. Returns true; or nil and why.
local function prepare(self, id, resume, force)
  local each = lines(self.file)
  local first = each()
  local t, what = read_header(first)
  if what == "foreign" then return nil, "not the results file of a sweep; it is left alone" end
  if not t then return start_over(self, id) end
  local told, what_differs = differs(t, id)
  if resume then
    if what_differs == "scenario" and resume == "anyway" then return start_over(self, id) end
    if told then
      return nil, ("holds results %s; %s--out with another name begins a new sweep"):format(told,
        what_differs == "scenario" and "--resume=anyway computes all anew, " or "")
    end
    local stop = math.max(scan(self, each), #first)
    drop(self, self.failed)
    self.failed = {}
    local ok, why = drop_changed(self, id, resume == "anyway")
    if not ok then return nil, why end
    if stop < self.file:size() then return self.file:truncate(stop) end
    return true
  end
  local old = { planned = math.tointeger(t.points) or 0, count = 0, damaged = 0, where = {}, length = {},
                failed = {}, read = {} }
  scan(old, each)
  if old.count > 0 and not force then
    local whole = old.count >= old.planned
    local held = ("%s sweep (%d of %d points)"):format(whole and "a finished" or "an unfinished", old.count,
      old.planned)
    if old.planned > OPEN then held = ("%d results of a plan"):format(old.count) end
    return nil, ("holds %s; --resume %s it; --force begins anew, --out with another name keeps both"):format(held,
      whole and "shows" or "completes")
  end
  return start_over(self, id)
end

--- Open the results file of a sweep.
-- @param path of the file; made when it is not there
-- @param id which sweep it is: { version =, scenario = file name, text = what the file holds, settings = list,
--   points = how many, inputs = of oracle.study.sweep_inputs }
-- @param resume true to go on with what is there; "anyway": also where files have changed, whose points are computed
--   again
-- @param force true to begin anew where the file holds results already
-- @return the results; or nil and "path: why"
function results_file.open(path, id, resume, force)
  local file, why = core.journal.open(path)
  if not file then return nil, ("%s: %s"):format(path, why) end
  local self = setmetatable({ path = path, file = file, planned = id.points, where = {}, length = {}, failed = {},
                              read = {}, count = 0, damaged = 0, synced = 0 }, METHODS)
  local ok
  ok, why = prepare(self, id, resume, force)
  if not ok then
    file:close()
    return nil, ("%s: %s"):format(path, why)
  end
  if file:read(0, 1) == "" then                           -- /dev/null: what is written is gone
    file:close()
    return results_file.memory(id.points)
  end
  return self
end

--- Results that are kept in memory only, with the same methods.
function results_file.memory(points)
  return setmetatable({ planned = points, text = {}, where = {}, count = 0, damaged = 0 }, METHODS)
end

--- Whether the result of point i is there.
function METHODS:has(i)
  return self.where[i] ~= nil
end

--- Keep the result of point i, a JSON text of one line.
-- @param files the digests of what it was computed from, as JSON
-- @param now s of wall time, which says when to ask the disk
-- @return true; or nil and "path: why": what was there before still is
function METHODS:put(i, text, files, now)
  if not self.file then
    self.where[i], self.text[i] = true, text
    self.count = self.count + 1
    return true
  end
  local line = line_of(i, files, text)
  local at, why = self.file:append(line)
  if not at then return nil, ("%s: %s"):format(self.path, why) end
  self.where[i], self.length[i] = at + #line - #text - #"}\n", #text
  self.count = self.count + 1
  if now - self.synced < SYNC then return true end
  self.synced = now
  return self:sync()
end

--- The result of point i; nil when there is none.
function METHODS:get(i)
  if not self.where[i] then return nil end
  if self.text then return self.text[i] end
  return assert(self.file:read(self.where[i], self.length[i]))
end

--- What was put survives a loss of power now.
-- @return true; or nil and "path: why"
function METHODS:sync()
  if not self.file then return true end
  local ok, why = self.file:sync()
  if not ok then return nil, ("%s: %s"):format(self.path, why) end
  return true
end

function METHODS:close()
  if self.file then self.file:close() end
end

return results_file
