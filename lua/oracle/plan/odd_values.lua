--- Values that are allowed and hardly meant: a bare number taken as seconds where milliseconds were in mind, a block
-- size that no kernel has. A value with a unit is meant as it is written.
local odd_values = {}

-- The most (s) that a bare number under a key stands for without a word; of the scenario, and of each `engine`.
local SECONDS = { { "slo.ttft", 60 }, { "slo.tpot", 2 }, { "slo.e2e", 3600 }, { "client_link.latency", 10 },
                  { "autoscaling.cold_start", 7200 } }
local OF_ENGINES = { { "speculative_config.overhead", 1 } }

-- The least (bytes or bytes/s) likewise.
local BYTES = { { "client_link.bandwidth", 1e3, "/s" } }
local BYTES_OF_ENGINES = { { "kv_cache_memory_bytes", 2 ^ 20, "" }, { "swap_space", 2 ^ 10, "" } }
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

local function of_tiers(list, tiers)
  for i, tier in ipairs(type(tiers) == "table" and tiers or {}) do
    local key = ("kv_tiers[%d]."):format(i)
    for _, row in ipairs(OF_TIERS) do bytes(list, key .. row[1], at(tier, row[1]), row[2], row[3]) end
    seconds(list, key .. "latency", at(tier, "latency"), TIER_LATENCY)
  end
end

-- Of one server's knobs. prefix: where they stand, such as "pools.decode.".
local function of_engine(list, prefix, e)
  local key = prefix .. "engine."
  for _, row in ipairs(OF_ENGINES) do seconds(list, key .. row[1], at(e, row[1]), row[2]) end
  for _, row in ipairs(BYTES_OF_ENGINES) do bytes(list, key .. row[1], at(e, row[1]), row[2], row[3]) end
  local block = math.tointeger(at(e, "block_size"))
  if block and block > 0 and not is_power_of_two(block) then
    list[#list + 1] = ("%sblock_size = %d: not a power of two, for which attention kernels are built; 16 is usual")
      :format(key, block)
  end
  local share = at(e, "gpu_memory_utilization")
  if share and share < 0.2 then
    list[#list + 1] = ("%sgpu_memory_utilization = %.10g: the engine may take %.10g %% of the GPU's memory; 0.9 is "
      .. "usual"):format(key, share, 100 * share)
  end
end

-- Parts that have an engine of their own: { { prefix, part }, ... }.
local function parts_of(raw)
  local list = { { "", raw } }
  for _, name in ipairs { "prefill", "decode" } do
    local pool = type(raw.pools) == "table" and raw.pools[name]
    if type(pool) == "table" then list[#list + 1] = { ("pools.%s."):format(name), pool } end
  end
  for i, group in ipairs(type(raw.groups) == "table" and raw.groups or {}) do
    if type(group) == "table" then list[#list + 1] = { ("groups[%d]."):format(i), group } end
  end
  return list
end

--- Warnings about them, one line each.
-- @param raw a scenario as it was written
-- @return a list
function odd_values.of(raw)
  local list = {}
  for _, row in ipairs(SECONDS) do seconds(list, row[1], at(raw, row[1]), row[2]) end
  for _, row in ipairs(BYTES) do bytes(list, row[1], at(raw, row[1]), row[2], row[3]) end
  of_tiers(list, raw.kv_tiers)
  for _, part in ipairs(parts_of(raw)) do of_engine(list, part[1], part[2].engine) end
  local mtbf, mttr = at(raw, "failures.mtbf"), at(raw, "failures.mttr")
  if mtbf and mttr and mttr >= mtbf then
    list[#list + 1] = ("failures.mttr = %.10g: as long as replicas work between failures (mtbf %.10g s)"):format(mttr,
      mtbf)
  end
  return list
end

return odd_values
