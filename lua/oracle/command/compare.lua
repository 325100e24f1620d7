--- `oracle compare A B ... SCENARIO.lua`: from the words of a command line to one table.
local lazy = require "oracle.lazy"
local files = require "oracle.command.files"
local ordered = require "oracle.text.ordered"
local page = lazy "oracle.study.pages.compare"
local paired = require "oracle.study.paired"
local paired_text = require "oracle.study.paired_text"
local paths = lazy "oracle.text.paths"
local pictures = lazy "oracle.command.pictures"
local ui = require "oracle.command.ui"
local variants_of = require "oracle.study.variants"

local command = {}

local REPLICATIONS = 5

local EXPECTED = "two systems, policies, settings or deployments and a scenario expected: oracle compare A B "
  .. "SCENARIO.lua"

-- Whether all variants are scenarios: the last word is then one more of them, and the first says the requests.
local function only_deployments(variants)
  for _, v in ipairs(variants) do
    if not v.scenario then return false end
  end
  return true
end

--- Do it.
-- @param options of oracle.command.options
-- @return true; false when it was interrupted
function command.run(options)
  local words = options.files
  local variants = {}
  for i = 1, #words - 1 do
    local ok, found = pcall(variants_of.read, words[i])
    if not ok then ui.misuse("compare: %s", found) end
    variants[i] = found
  end
  local path = words[#words]
  if options.csv then ui.misuse("--csv: compare writes a table; --json for its numbers") end
  if options.series then ui.misuse("--series: compare writes a table, and a series is of one run") end
  ui.one_run_logs(options, "compare takes several")
  if options.plot or options.report then pictures.check(options) end
  local until_ = options["until"] and ui.share("--until", options["until"], "2%")
  if path and path:find "=" and not paths.exists(path) then
    ui.misuse("compare: \"%s\": the scenario comes last; %s", path, EXPECTED)
  end
  ui.host().guard(true)
  local s = path and files.load(path, options)
  if #variants > 0 and only_deployments(variants) then
    variants[#variants + 1] = { name = path:match "([^/]*)%.%w+$" or path, path = path, scenario = s }
    s = variants[1].scenario
    if ui.told(options) then ui.say("oracle: compare: the requests are those of the first, " .. variants[1].name) end
  end
  if #variants < 2 then ui.misuse("compare: %s", EXPECTED) end
  variants_of.named(variants)
  files.adjust(s, options)
  for _, v in ipairs(variants) do
    if v.scenario and v.scenario ~= s then files.adjust(v.scenario, options) end
  end
  if s.vary and ui.told(options) then ui.say("oracle: compare: what the scenario varies is left at its values") end
  local outputs = files.open_results(options, s)
  ui.host().guard(false)
  local meter = ui.meter(options)
  local ok, result = pcall(paired.run, s, variants, {
    replications = options.replications or REPLICATIONS, until_ = until_, runs = not options.no_runs,
    progress = meter and meter.step, stopped = ui.host().interrupted,
  })
  if meter then meter.done() end
  if not ok then
    files.discard(outputs)
    error(result, 0)
  end
  if until_ and result.method == "bootstrap" then
    ui.say("oracle: --until: a trace is the same under every seed; there is nothing to replicate")
  elseif until_ and result.width > until_ then
    ui.say(("oracle: --until: after %d replications the widest interval is still %.1f %%"):format(result.replications,
      100 * result.width))
  end
  local object = paired_text.object(result)
  files.write(outputs.json, ordered.json(object))
  if outputs.report then pictures.report(outputs, function() return page.document(object, result.interrupted) end) end
  if not options.quiet and options.json ~= "-" then files.print(paired_text.text(result)) end
  if options.plot then pictures.print(page.figures(object), options) end
  ui.warn(result.warnings or {}, options)
  if result.interrupted then ui.say("oracle: interrupted; the results are partial") end
  return not result.interrupted
end

return command
