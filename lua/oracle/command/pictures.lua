--- What commands show as pictures: --plot on the terminal, --report as a page, --trace of one run.
local lazy = require "oracle.lazy"
local files = require "oracle.command.files"
local html = lazy "oracle.result.html"
local plot = lazy "oracle.text.plot"
local ui = require "oracle.command.ui"
local units = lazy "oracle.text.units"

local pictures = {}

local EVENTS = 1000000                                    -- of a trace: some 130 MB, which Perfetto opens in seconds

local function seconds(text)
  local v, why = tonumber(text), "a time of 0 s or more expected, such as 10..20"
  if not v then v, why = units.parse(text, "time") end
  if not v or v < 0 or v == math.huge or v ~= v then
    ui.misuse("--window: %s", why or "a time of 0 s or more expected")
  end
  return v
end

--- The window of --window FROM..TO.
-- @return { from, to } in s; nil without the option
function pictures.window(options)
  local text = options.window
  if not text then return nil end
  if not options.trace and not options.report then ui.misuse("--window: goes with --trace or --report") end
  local from, to = text:match "^%s*(.-)%s*%.%.%s*(.-)%s*$"
  if not from or from == "" and to == "" then ui.misuse("--window %s: FROM..TO such as 10..20 (s) expected", text) end
  from, to = from ~= "" and seconds(from) or 0, to ~= "" and seconds(to) or nil
  if to and to <= from then ui.misuse("--window %s: it ends before it begins", text) end
  return { from, to }
end

--- Refuse what cannot be honoured, before anything runs: --report and --trace want files of their own, and a report the
-- scripts that oracle was built with.
function pictures.check(options)
  for _, kind in ipairs { "report", "trace" } do
    if options[kind] == "-" then ui.misuse("--%s -: a file expected", kind) end
  end
  pictures.window(options)
  if options.trace and options.level == "DEBUG" then
    ui.misuse("--trace and -l DEBUG: one of both; each hears of every step")
  end
  if options.plot then
    for _, kind in ipairs { "json", "csv", "series" } do
      if options[kind] == "-" then ui.misuse("--plot and --%s -: only one can have stdout", kind) end
    end
  end
  if options.report then
    local library, why = html.chart_library()
    if not library then error("--report: " .. why, 0) end
  end
end

--- Draw figures on the terminal, where --plot asks for it.
-- @param list of oracle.text.figure
function pictures.print(list, options)
  if not options.plot then return end
  local colour = plot.colour(ui.host().isatty(1))
  for _, f in ipairs(list) do files.print("\n" .. plot.figure(f, { colour = colour })) end
end

--- Write a report, where it was asked for.
-- @param opened of files.open_results
-- @param document function() -> of oracle.result.html
function pictures.report(opened, document)
  if not opened.report then return end
  local text, why = html.page(document())
  if not text then error(why, 0) end
  files.write(opened.report, text)
end

--- The trace as the engine is to write it; nil where none is asked for.
function pictures.trace(opened, options)
  if not opened.trace then return nil end
  local window = pictures.window(options) or {}
  return { path = opened.trace.path, from = window[1], to = window[2], events = EVENTS }
end

--- A trace is written: it takes its name.
-- @param raw the engine's result, which says how it went
function pictures.traced(opened, raw, options)
  if not opened.trace then return end
  ui.must(opened.trace:commit())
  local window = pictures.window(options)
  if window and window[1] and window[1] >= raw.now then
    ui.warn({ ("--window %s: the run ended at %.6g s; nothing is in it"):format(options.window, raw.now) }, options)
  end
  if raw.trace.cut then
    ui.warn({ ("--trace: %s events up to %.6g s; what came later is not in it (--window FROM..TO chooses a part)")
      :format(units.thousands(raw.trace.events), raw.trace.cut) }, options)
  end
end

return pictures
