--- One line on a terminal that says how far a run is, from its second second on.
local progress = {}

local PATIENCE = 1                                        -- s of wall time before anything is shown

local function duration(s)
  if s < 60 then return ("%.0f s"):format(s) end
  if s >= 360000 then return "days" end
  local whole = math.floor(s)
  if s < 3600 then return ("%d:%02d min"):format(whole // 60, whole % 60) end
  return ("%d:%02d h"):format(whole // 3600, whole % 3600 // 60)
end

--- A meter.
-- @param clock function returning seconds of wall time
-- @param out the terminal's file
-- @return { step = function(share, time, point, points), points =, count =, done = function() }
function progress.new(clock, out)
  local start, shown = clock(), false
  local meter = {}

  --- share 0..1 of the current run (nil: nothing tells), its simulated time in s, which of how many runs it is
  function meter.step(share, time, point, points)
    local wall = clock() - start
    if wall < PATIENCE then return end
    local runs = (points or 1) > 1 and ("run %d of %d, "):format(point, points) or ""
    local text = ("%st = %.1f s"):format(runs, time)
    if share or (points or 1) > 1 then
      local all = ((point or 1) - 1 + math.min(1, math.max(0, share or 0))) / (points or 1)
      text = ("%s, %.0f %%, %s left"):format(text, 100 * all, all > 0 and duration(wall * (1 - all) / all) or "?")
    end
    out:write("\r\27[K", text)
    out:flush()
    shown = true
  end

  --- done of planned runs are there; `before` of them were when it began
  function meter.points(done, planned, before)
    local wall = clock() - start
    if wall < PATIENCE then return end
    local share = done > before and (done - before) / (planned - before)
    out:write("\r\27[K", ("%d of %d points, %.0f %%, %s left"):format(done, planned, 100 * done / planned,
      share and duration(wall * (1 - share) / share) or "?"))
    out:flush()
    shown = true
  end

  --- how many runs of a search that does not know how many there will be
  function meter.count(done)
    local wall = clock() - start
    if wall < PATIENCE then return end
    out:write("\r\27[K", ("%d runs, %s"):format(done, duration(wall)))
    out:flush()
    shown = true
  end

  --- Take the line away.
  function meter.done()
    if shown then out:write("\r\27[K") end
    shown = false
  end

  return meter
end

return progress
