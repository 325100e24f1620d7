--- The versions of vLLM that are modelled: the rules of their schedulers and KV cache managers. Paths are below vllm/v1
-- of the wheels of 0.11.0 and 0.33.0; what each rule is says src/replica/rules.h.
local versions = {}

-- What all of V1 has in common.
local V1 = { keeps_equal_blocks = true, knows_all_blocks = true, preempted_goes_first = true, serves_in_order = true }

local OF = {
  { "0.11", { 0, 11 }, {
    one_free_queue = true,                                -- core/block_pool.py:272,338
    victim_keeps_its_tokens = true,                       -- core/sched/scheduler.py:262-281
    self_preempted_ends_the_step = true,                  -- core/sched/scheduler.py:283-292
    keeps_last_known_block = true,                        -- core/single_type_kv_cache_manager.py:500-507
  } },
  { "0.33", { 0, 33 }, {
    schedules_ahead = true,                               -- config/vllm.py:1685-1719
    whole_sequence_must_fit = true,                       -- core/sched/scheduler.py:1449, config/scheduler.py:190
    lone_request_without_threshold = true,                -- core/sched/scheduler.py:754-763
    unfit_prompt_ends_the_step = true,                    -- core/sched/scheduler.py:1335-1344
    caches_boundaries = true,                             -- config/cache.py:275
  } },
}

versions.DEFAULT = "0.33"

local function numbers(text)
  local major, minor = tostring(text):match "^[vV]?(%d+)%.(%d+)"
  return tonumber(major), tonumber(minor)
end

--- The modelled version that stands for another: the same or the nearest older one. nil and a message: there is none.
function versions.nearest(text)
  local major, minor = numbers(text)
  local best
  for _, v in ipairs(OF) do
    if major and (major > v[2][1] or major == v[2][1] and minor >= v[2][2]) then best = v[1] end
  end
  if best then return best end
  local names = {}
  for i, v in ipairs(OF) do names[i] = v[1] end
  return nil, ("%s; %s are modelled, V0 with use_v1 = false"):format(
    major and "no modelled version is that old" or 'a version such as "' .. versions.DEFAULT .. '" expected',
    table.concat(names, " and "))
end

--- Whether a version is the modelled one that stands for it.
function versions.is(text, modelled)
  local a, b = numbers(text)
  local c, d = numbers(modelled)
  return a == c and b == d
end

--- The rules of a modelled version, in a table of one's own.
function versions.rules(name)
  local rules = {}
  for _, v in ipairs(OF) do
    if v[1] == name then
      for k, is in pairs(V1) do rules[k] = is end
      for k, is in pairs(v[3]) do rules[k] = is end
    end
  end
  return rules
end

return versions
