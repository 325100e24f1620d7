--- What a file of trace events must be for a trace processor to take it without an error (Google, "Trace Event Format";
-- Perfetto's importer of it): known phases and fields, slices that lie within each other, arrows in slices.
local json = require("oracle.core").json

local trace_events = {}

local FIELDS = { X = { "ts", "dur", "name" }, C = { "ts", "name", "args" }, M = { "name", "args" },
  i = { "ts", "name", "s" },
                 s = { "ts", "id" }, t = { "ts", "id" }, f = { "ts", "id", "bp" } }

local function ns(us)
  return math.floor(1000 * us + 0.5)
end

-- Slices of a track by start, the longer first; arrows behind the slices of their moment.
local function in_order(a, b)
  if a.at ~= b.at then return a.at < b.at end
  if a.span ~= b.span then return a.span > b.span end
  return a.place < b.place
end

local function check_track(name, list, wrong)
  table.sort(list, in_order)
  local stack = {}
  for _, e in ipairs(list) do
    while #stack > 0 and stack[#stack] <= e.at do stack[#stack] = nil end
    if e.phase == "X" then
      if #stack > 0 and e.at + e.span > stack[#stack] then
        wrong[#wrong + 1] = ("%s: %s overlaps"):format(name, e.name)
      end
      stack[#stack + 1] = e.at + e.span
    elseif #stack == 0 then
      wrong[#wrong + 1] = ("%s: an arrow (%s) outside any slice"):format(name, e.phase)
    end
  end
end

local function fields(e, i, wrong)
  for _, key in ipairs(FIELDS[e.ph] or { "known phase" }) do
    if e[key] == nil then wrong[#wrong + 1] = ("event %d (%s): no %s"):format(i, e.ph, key) end
  end
  if math.type(e.pid) == nil or math.type(e.tid) == nil then wrong[#wrong + 1] = ("event %d: no track"):format(i) end
  if e.ts and (e.ts < 0 or e.ts ~= e.ts) then wrong[#wrong + 1] = ("event %d: at %s"):format(i, e.ts) end
  if e.dur and e.dur < 0 then wrong[#wrong + 1] = ("event %d: lasts %s"):format(i, e.dur) end
end

--- Read a trace.
-- @return { wrong = a list of what is wrong, count = by phase, tracks = names by "pid/tid", slices = by name,
--   events = }
function trace_events.read(text)
  local doc = json.decode(text)
  local found = { wrong = {}, count = {}, tracks = {}, slices = {}, events = doc.traceEvents, other = doc.otherData }
  local tracks, arrows = {}, {}
  for i, e in ipairs(doc.traceEvents) do
    fields(e, i, found.wrong)
    found.count[e.ph] = (found.count[e.ph] or 0) + 1
    local name = ("%d/%d"):format(e.pid, e.tid)
    if e.ph == "M" and e.name:match "_name$" then found.tracks[name] = e.args.name end
    if e.ph == "X" then found.slices[e.name] = (found.slices[e.name] or 0) + 1 end
    if FIELDS[e.ph] and (e.ph == "X" or e.id) then
      tracks[name] = tracks[name] or {}
      table.insert(tracks[name], { at = ns(e.ts), span = e.dur and ns(e.dur) or -1, phase = e.ph, name = e.name,
        place = i })
    end
    if e.id then
      arrows[e.id] = arrows[e.id] or {}
      table.insert(arrows[e.id], { ns(e.ts), e.ph })
    end
  end
  for name, list in pairs(tracks) do check_track(name, list, found.wrong) end
  for id, list in pairs(arrows) do
    local starts, first = 0, list[1][1]
    for _, one in ipairs(list) do
      if one[2] == "s" then starts = starts + 1 end
      if one[1] < first then found.wrong[#found.wrong + 1] = ("arrow %s goes back"):format(id) end
    end
    if starts ~= 1 or list[1][2] ~= "s" then found.wrong[#found.wrong + 1] = ("arrow %s begins %d times"):format(id,
      starts) end
  end
  return found
end

return trace_events
