--- A configuration as a README sketches one: arrivals and a model, but neither how long requests come nor how long they
-- are. It is completed, and each addition is said. Where any of that is there the rest is missing, not left out.
local document = require "oracle.formats.document"

local sketch = {}

-- Lengths of a chat, as those of the example (oracle.formats.yaml.example).
local PROMPT = { type = "LogNormal", median = 150, p99 = 1000, is_int = true }
local OUTPUT = { type = "Uniform", low = 50, high = 200, is_int = true }

local function is_map(v)
  return type(v) == "table" and not document.is_list(v)
end

local function is_sketch(v)
  local w, s = v.workload, v.simulation
  if not is_map(w) or not is_map(s) or w.total_duration ~= nil or w.max_requests ~= nil then return false end
  if type(s.max_simulation_time) ~= "number" or type(w.client_profiles) ~= "table" then return false end
  for _, profile in ipairs(w.client_profiles) do
    if not is_map(profile) then return false end
    if profile.prompt_tokens_dist_config ~= nil or profile.max_output_tokens_dist_config ~= nil then return false end
  end
  return #w.client_profiles > 0
end

-- The device of a configuration that has one only.
local function only_device(v)
  local list = is_map(v.hardware_profile) and v.hardware_profile.compute_devices
  local first = type(list) == "table" and #list == 1 and list[1]
  return is_map(first) and type(first.device_id) == "string" and first.device_id or nil
end

--- Complete a sketch in place; anything else stays as it is.
-- @param p the problems, which get a warning for each addition
-- @param v the document
function sketch.complete(p, v)
  if not is_sketch(v) then return end
  local w = v.workload
  w.total_duration = v.simulation.max_simulation_time
  p:warn("workload", "total_duration is missing: %.10g s, as simulation.max_simulation_time", w.total_duration)
  for i, profile in ipairs(w.client_profiles) do
    profile.prompt_tokens_dist_config, profile.max_output_tokens_dist_config = PROMPT, OUTPUT
    p:warn(("workload.client_profiles[%d]"):format(i - 1), "lengths are missing: prompts of a median of 150 and a p99 "
      .. "of 1000 tokens, answers of 50 to 200")
  end
  local device = only_device(v)
  for i, f in ipairs(device and type(v.frameworks_to_test) == "table" and v.frameworks_to_test or {}) do
    local c = is_map(f) and f.config
    if is_map(c) and c.gpu_id == nil and c.parallelism == nil then
      c.gpu_id = device
      p:warn(("frameworks_to_test[%d].config"):format(i - 1), "gpu_id is missing: %s, the only device", device)
    end
  end
end

return sketch
