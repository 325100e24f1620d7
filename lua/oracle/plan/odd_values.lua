--- Values that are allowed and hardly meant: a bare number taken as seconds where milliseconds were in mind, a block
-- size that no kernel has. A value with a unit is meant as it is written.
local odd_values = {}

-- The most (s) that a bare number under a key stands for without a word.
local SECONDS = {
  { "slo.ttft", 60 }, { "slo.tpot", 2 }, { "slo.e2e", 3600 }, { "client_link.latency", 10 },
  { "autoscaling.cold_start", 7200 }, { "engine.speculative_config.overhead", 1 },
}

-- The least (bytes or bytes/s) likewise.
local BYTES = { { "client_link.bandwidth", 1e3, "/s" }, { "engine.kv_cache_memory_bytes", 2 ^ 20, "" },
                { "engine.swap_space", 2 ^ 10, "" } }
local OF_TIERS = { { "bandwidth", 1e6, "/s" }, { "capacity", 2 ^ 10, "" } }
local TIER_LATENCY = 1                                    -- s

local function at(t, path)
  for key in path:gmatch "[^.]+" do
    if type(t) ~= "table" then return nil end
    t = t[key]
  end
  return type(t) == "number" and t or nil
end

local function seconds(list, key, v, most)
  if v and v > most then
    list[#list + 1] = ("%s = %.10g: that is %.10g s; \"%.10g ms\" if milliseconds were meant"):format(key, v, v, v)
  end
end

local function bytes(list, key, v, least, per)
  if v and v > 0 and v < least then
    list[#list + 1] = ("%s = %.10g: that is %.10g bytes%s; with a unit, such as \"%.10g GB%s\", it is unmistakable")
      :format(key, v, v, per, v, per)
  end
end

local function is_power_of_two(n)
  return n & (n - 1) == 0
end

--- Warnings about them, one line each.
-- @param raw a scenario as it was written
-- @return a list
function odd_values.of(raw)
  local list = {}
  for _, row in ipairs(SECONDS) do seconds(list, row[1], at(raw, row[1]), row[2]) end
  for _, row in ipairs(BYTES) do bytes(list, row[1], at(raw, row[1]), row[2], row[3]) end
  for i, tier in ipairs(type(raw.kv_tiers) == "table" and raw.kv_tiers or {}) do
    local key = ("kv_tiers[%d]."):format(i)
    for _, row in ipairs(OF_TIERS) do bytes(list, key .. row[1], at(tier, row[1]), row[2], row[3]) end
    seconds(list, key .. "latency", at(tier, "latency"), TIER_LATENCY)
  end
  local block = math.tointeger(at(raw, "engine.block_size"))
  if block and block > 0 and not is_power_of_two(block) then
    list[#list + 1] = ("engine.block_size = %d: not a power of two, for which attention kernels are built; 16 "
      .. "is usual"):format(block)
  end
  local share = at(raw, "engine.gpu_memory_utilization")
  if share and share < 0.2 then
    list[#list + 1] = ("engine.gpu_memory_utilization = %.10g: the engine may take %.10g %% of the GPU's memory; 0.9 "
      .. "is usual"):format(share, 100 * share)
  end
  local mtbf, mttr = at(raw, "failures.mtbf"), at(raw, "failures.mttr")
  if mtbf and mttr and mttr >= mtbf then
    list[#list + 1] = ("failures.mttr = %.10g: as long as replicas work between failures (mtbf %.10g s)"):format(mttr,
      mtbf)
  end
  return list
end

return odd_values
