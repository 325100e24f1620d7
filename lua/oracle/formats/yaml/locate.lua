--- Where in a configuration file a complaint about the scenario made from it belongs.
local locate = {}

-- What the keys of a scenario's workload were read from, as keys of a client profile.
local KEYS = {
  inter_arrival = "inter_arrival_time_dist_config", prompt = "prompt_tokens_dist_config",
  output = "max_output_tokens_dist_config", priority = "user_priority_dist_config",
  streaming = "streaming_response_probability", timeout = "timeout_s",
  ["conversation.think"] = "follow_up_inter_arrival_time_dist_config",
  ["conversation.probability"] = "conversational_probability",
  ["conversation.continue_probability"] = "continuation_probability",
}

-- The key of a profile that was read into `key`: arrivals of a rate come from either of two.
local function profile_key(key, profile)
  if key == "rate" or key == "cv" then
    if type(profile) == "table" and profile.arrival_rate ~= nil then return "arrival_" .. key end
    return KEYS.inter_arrival
  end
  while key and key ~= "" do
    if KEYS[key] then return KEYS[key] end
    key = key:match("^(.*)[.%[][^.%[]*$")
  end
  return nil
end

--- The path in the file and the message that is left.
-- @param why of oracle.scenario or oracle.plan, such as "workload.profiles[2].output: normal: ..."
-- @param profiles the file's client_profiles
-- @return path, message; path is nil for what is not about the workload
function locate.workload(why, profiles)
  local key, message = why:match("^workload%.([%w_.%[%]]+): (.*)$")
  if not key then return nil, why end
  local index, inner = key:match("^profiles%[(%d+)%]%.(.+)$")
  if not index then index, inner = 1, key end
  local at = ("workload.client_profiles[%d]"):format(index - 1)
  local known = profile_key(inner, profiles[tonumber(index)])
  if known then return at .. "." .. known, message end
  return index == 1 and not key:match("^profiles") and #profiles > 1 and "workload" or at, inner .. ": " .. message
end

return locate
