--- `simulation` and `metrics_config`: how long, which seed, what is reported and where.
local fields = require "oracle.formats.fields"
local join = require("oracle.formats.problems").join

local settings = {}

--- @return { duration = s, seed =, lod = }
function settings.simulation(p, t)
  local path = "simulation"
  fields.known(p, path, t, { "max_simulation_time", "random_seed", "lod" })
  if t.max_simulation_time == nil then p:add(path, "Simulation missing max_simulation_time") end
  return {
    duration = fields.stands_for(p, path, t, "max_simulation_time", "duration",
      { label = "Invalid max_simulation_time: %s" }),
    seed = fields.stands_for(p, path, t, "random_seed", "seed"),
    lod = t.lod ~= nil and fields.choice(p, path, t, "lod", { "high", "medium" },
      "Invalid LoD: %s (must be high/medium)") or nil,
  }
end

-- A percentile in percent; nil and an error when it is none.
local function percentile(p, here, v, fractions)
  if type(v) ~= "number" then return p:add(here, "%s: a number expected", fields.quote(v)) end
  if fractions and v > 1 and v < 100 then return p:add(here, "%g: a fraction expected, such as %g", v, v / 100) end
  if not (v > 0 and v < (fractions and 1 or 100)) then
    return p:add(here, "%g: a number above 0 and below %d expected", v, fractions and 1 or 100)
  end
  -- 0.29 x 100 is not 29 in binary; twelve digits are.
  return tonumber(("%.12g"):format(fractions and v * 100 or v))
end

local function percentiles(p, path, t, key, fractions)
  local list = fields.list(p, path, t, key)
  if not list then return nil end
  local at, out, seen = join(path, key), {}, {}
  if #list == 0 then return p:add(at, "a list with at least one entry expected") end
  for i = 1, #list do
    local here = join(at, i - 1)
    local percent = percentile(p, here, list[i], fractions)
    if percent and seen[percent] then p:add(here, "%g is given twice", list[i]) end
    if percent then seen[percent], out[#out + 1] = true, percent end
  end
  return out
end

local KEYS = { "percentiles_to_calculate", "warm_up_duration_s", "output_summary_json_path", "output_requests_csv_path",
               "output_time_series_csv_path", "time_series_interval_s", "log_level", "compute_token_stats",
               "compute_percentiles", "output_csv_path", "output_summary_path" }

-- Two names for one thing.
local SAME = { { "percentiles_to_calculate", "compute_percentiles" },
               { "output_summary_json_path", "output_summary_path" },
               { "output_requests_csv_path", "output_csv_path" } }

--- @param duration simulated time in s, or nil
-- @return { percentiles =, warm_up = s, json = path, csv = path, series = path, interval = s, level = }
function settings.metrics(p, t, duration)
  local path = "metrics_config"
  fields.known(p, path, t, KEYS)
  local out = {
    percentiles = percentiles(p, path, t, "percentiles_to_calculate", true)
      or percentiles(p, path, t, "compute_percentiles", false),
    warm_up = fields.stands_for(p, path, t, "warm_up_duration_s", "warm_up"),
    json = fields.text(p, path, t, "output_summary_json_path") or fields.text(p, path, t, "output_summary_path"),
    csv = fields.text(p, path, t, "output_requests_csv_path") or fields.text(p, path, t, "output_csv_path"),
    series = fields.text(p, path, t, "output_time_series_csv_path"),
    interval = fields.stands_for(p, path, t, "time_series_interval_s", "series_interval"),
    level = fields.choice(p, path, t, "log_level", { "DEBUG", "INFO", "WARNING", "ERROR" }, "log_level %s"),
  }
  for _, pair in ipairs(SAME) do
    if t[pair[1]] ~= nil and t[pair[2]] ~= nil then
      p:warn(join(path, pair[2]), "has no effect: %s is given too", pair[1])
    end
  end
  fields.boolean(p, path, t, "compute_token_stats")
  if t.compute_token_stats == false then
    p:warn(join(path, "compute_token_stats"), "has no effect: token counts are always reported")
  end
  if out.warm_up and duration and out.warm_up >= duration then
    p:add(join(path, "warm_up_duration_s"), "%g s leaves nothing of max_simulation_time, %g s", out.warm_up, duration)
  end
  return out
end

return settings
