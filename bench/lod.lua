--- The levels of detail on the lod_* scenarios: how many events fewer, how much faster, how different.
local scenario, lod, units = require "oracle.scenario", require "oracle.study.lod", require "oracle.text.units"

local ok, host = pcall(require, "oracle.host")
local clock = ok and host.clock or os.clock
-- Fewer events and less wall time, at least; two ranks to a stage count as two ranks.
local WANTED = { lod_tp2 = { 64, 34 }, lod_tp4 = { 64, 41 }, lod_tp8 = { 64, 41 }, lod_tp2pp2 = { 64, 34 } }

local failed = false
for _, name in ipairs { "lod_tp2", "lod_tp4", "lod_tp8", "lod_tp2pp2" } do
  local found = lod.compare(assert(scenario.load(("scenarios/%s.lua"):format(name))), { clock = clock })
  local high, medium, wanted = found.levels[1], found.levels[2], WANTED[name]
  local same = found.worst_pct <= 0.1 and high.completed == medium.completed and found.fewer_events >= wanted[1]
  local good = same and found.speed_up >= wanted[2]
  failed = failed or not same                             -- times are the machine's: printed, never a failure
  print(("  %-11s high %s events at %.0f M/s; medium %sx fewer events, %.0fx faster (wanted %dx, %dx), " ..
         "differs by %.4f %%%s"):format(name, units.thousands(high.events), 1e-6 * high.events_per_second,
      units.thousands(math.floor(found.fewer_events)), found.speed_up, wanted[1], wanted[2], found.worst_pct,
      good and "" or "  MISSED"))
end
os.exit(not failed)
