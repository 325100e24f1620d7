--- What the collectives of a serving engine take inside a node, as measured: which kernel an engine picks for so many
-- ranks, and straight lines by size of message for it (models/fits/collectives.json; tools/fit_collectives.lua fits
-- them). Where there is no table - a GPU of another generation, an accelerator of another maker - there is nil, and
-- formulas stand (cost/collective.h).
local core = require "oracle.core"
local inputs = require "oracle.text.inputs"
local paths = require "oracle.text.paths"
local spelling = require "oracle.text.spelling"

local collectives = {}

-- Ranks for which an engine has kernels of its own; for others it calls NCCL.
--   vLLM: device_communicators/custom_all_reduce.py, _SUPPORTED_WORLD_SIZES, 0.11 to 0.24, the same in SGLang 0.5; on
--   PCIe alone they are for two GPUs, which its tables hold. TensorRT-LLM 1.3: common/customAllReduceUtils.h, the table
--   of strategies by SM and TP.
local OWN = { vllm = { [2] = true, [4] = true, [6] = true, [8] = true },
              sglang = { [2] = true, [4] = true, [6] = true, [8] = true },
              trtllm = { [2] = true, [4] = true, [8] = true } }

-- Serving systems by the engine that steps in them; others as vLLM.
local ENGINES = { sglang = "sglang", trtllm = "trtllm", triton = "trtllm" }

--- The engine whose kernels a serving system runs.
function collectives.engine_of(system)
  return ENGINES[system] or "vllm"
end

-- ---- the tables ----

local held = {}

local function read()
  local path = paths.path "models/fits/collectives.json"
  local f <close> = assert(io.open(path, "rb"))
  local list = core.json.decode(f:read "a", path).tables
  for _, t in ipairs(list) do
    t.of = {}
    for i, g in ipairs(t.regimes) do
      t.of[i] = { below = g.below, base = g.alpha_us * 1e-6, per_byte = g.ps_per_byte * 1e-12 }
    end
  end
  return list
end

local function tables()
  return inputs.remember(held, "tables", read)
end

-- "0.24.1" -> 0.024001, so that versions compare as numbers.
local function number(version)
  local n, place = 0, 1
  for part in tostring(version):gmatch "%d+" do
    n, place = n + tonumber(part) * place, place * 1e-3
  end
  return n
end

-- The GPU's own link to its peers: its name and B/s.
local function link_of(hardware)
  local nvlink = hardware.nvlink and hardware.nvlink.bandwidth or 0
  if nvlink > 0 then return "nvlink", nvlink end
  return "pcie", hardware.pcie and hardware.pcie.bandwidth or 0
end

-- Generations whose GPUs run NCCL and the engines' CUDA kernels.
local CUDA = { pascal = true, volta = true, turing = true, ampere = true, ada = true, hopper = true, blackwell = true,
               ["blackwell-rtx"] = true }

-- Whether a table is of GPUs joined as these; PCIe is much the same under any chip.
local function is_of(t, hardware, link)
  return t.link == link and (t.generation == hardware.generation or link == "pcie" and CUDA[hardware.generation])
end

local function names_it(t, hardware)
  for _, id in ipairs(t.gpus) do
    if hardware.id and spelling.fold(id) == spelling.fold(hardware.id) then return true end
  end
  return false
end

-- How well a table suits: 0 not at all. One that names the GPU comes before its generation's, a version no newer than
-- the engine's before the others, among these the nearest.
local function suits(t, q, link)
  if t.collective ~= q.collective or t.engine ~= q.engine or t.ranks ~= q.ranks or t.launch ~= q.launch
    or t.gpus_per_node ~= q.gpus_per_node then
    return 0
  end
  local named = names_it(t, q.hardware)
  if not named and (t.only_these or not is_of(t, q.hardware, link)) then return 0 end
  local since, version = number(t.version), number(q.version or "9999")
  local near = since <= version and 1e6 + since or 1e5 - since
  return (named and 1e9 or t.generation == q.hardware.generation and 1e8 or 0) + near
end

-- The table measured for exactly so many ranks; its lines at the speed of this GPU's link.
local function measured(q)
  local link, bandwidth = link_of(q.hardware)
  if bandwidth == 0 then return nil end
  local best, most = nil, 0
  for _, t in ipairs(tables()) do
    local how_well = suits(t, q, link)
    if how_well > most then best, most = t, how_well end
  end
  if not best then return nil end
  local slower, of = best.link_gb_per_s * 1e9 / bandwidth, {}
  for i, g in ipairs(best.of) do of[i] = { below = g.below, base = g.base, per_byte = g.per_byte * slower } end
  return of, best
end

-- ---- other numbers of ranks ----

local MEASURED = { 2, 4, 8 }                              -- ranks
local OF_EXPERTS = { dispatch = true, combine = true }    -- beyond a node they are other kernels

-- Lines between those of two tables, `share` of the way.
local function between(a, b, share)
  local of, i, k = {}, 1, 1
  while i <= #a and k <= #b do
    local x, y = a[i], b[k]
    local below = math.min(x.below or math.huge, y.below or math.huge)
    of[#of + 1] = { below = below < math.huge and below or nil, base = x.base + share * (y.base - x.base),
                    per_byte = x.per_byte + share * (y.per_byte - x.per_byte) }
    if (x.below or math.huge) <= below then i = i + 1 end
    if (y.below or math.huge) <= below then k = k + 1 end
  end
  return of
end

local function with(q, ranks)
  local copy = {}
  for k, v in pairs(q) do copy[k] = v end
  copy.ranks = ranks
  return measured(copy)
end

-- More ranks than were measured: a ring has a message more for each, and a rank sends (p - 1)/p of the buffer.
local function beyond(q, most)
  local of, best = with(q, most)
  if not of then return nil end
  local longer = (q.ranks - 1) / (most - 1)
  local fuller = (q.ranks - 1) / q.ranks / ((most - 1) / most)
  for _, g in ipairs(of) do g.base, g.per_byte = g.base * longer, g.per_byte * fuller end
  return of, best
end

-- The most ranks that a table of it has.
local function most_measured(q)
  for i = #MEASURED, 1, -1 do
    if with(q, MEASURED[i]) then return MEASURED[i] end
  end
end

local function by_ranks(q)
  local exact, best = measured(q)
  if exact then return exact, best end
  local most = most_measured(q)
  if not most then return nil end
  if q.ranks > most then return OF_EXPERTS[q.collective] == nil and beyond(q, most) or nil end
  for i = 2, #MEASURED do
    local low, high = MEASURED[i - 1], MEASURED[i]
    local a, of = with(q, low)
    if q.ranks < high and a then return between(a, with(q, high), (q.ranks - low) / (high - low)), of end
  end
  return with(q, most)                                    -- fewer than any measured
end

-- What is launched one by one takes what the graph does, but no less than the host needs to launch it, which depends on
-- the host more than on the GPU: the least that was measured under any.
local function launched(q)
  local floor
  for _, t in ipairs(tables()) do
    if t.launch == "eager" and t.engine == q.engine and t.ranks == q.ranks and t.collective == "all_reduce"
      and not t.gpus_per_node then
      floor = math.min(floor or math.huge, t.of[1].base)
    end
  end
  local graph = {}
  for k, v in pairs(q) do graph[k] = v end
  graph.launch = "graph"
  local of, fitted = by_ranks(graph)
  if not of or not floor then return of, fitted end
  table.insert(of, 1, { below = 1, base = floor, per_byte = 0 })  -- no regime takes less than those before it
  return of, fitted
end

--- The lines for one collective inside a node.
-- @param q { collective = "all_reduce" | "all_gather" | "reduce_scatter" | "all_to_all" | "dispatch" | "combine",
--   hardware = its description, ranks = 2 or more,
--   engine = "vllm" | "sglang" | "trtllm" | "nccl" | "deepep_low_latency" | "deepep_high_throughput",
--   version = of it, nil: the newest,
--   launch = "graph", from inside a CUDA graph (the default), or "eager"; gpus_per_node = nil: all ranks on one }
-- @return { { below = B, base = s, per_byte = s/B }, ... } as layout.measured takes it, and the table they are of; nil
--   where none suits
function collectives.regimes(q)
  local own = { collective = q.collective, hardware = q.hardware, ranks = q.ranks, engine = q.engine,
                version = q.version, launch = q.launch or "graph", gpus_per_node = q.gpus_per_node }
  if own.ranks < 2 then return nil end
  if OWN[own.engine] and (own.collective ~= "all_reduce" or not OWN[own.engine][own.ranks]) then
    own.engine, own.version = "nccl", nil
  end
  local of, fitted = by_ranks(own)
  if of or own.launch ~= "eager" then return of, fitted end
  return launched(own)
end

-- Copies of a token that DeepEP sends: to each of its experts, or to each rank that has some.
local COPIES = {
  deepep_low_latency = function(top_k) return top_k end,
  deepep_high_throughput = function(top_k, ranks) return ranks * (1 - (1 - 1 / ranks) ^ top_k) end,
}

--- Copies of a token that the engine of an exchange sends, on average.
function collectives.copies(engine, top_k, ranks) return COPIES[engine](top_k, ranks) end

--- What `all_reduce = "auto"` takes, for layout.measured.
-- @param e checked knobs, @param version of the engine, @param hardware of the ranks
-- @param shared of experts that replicas share: { replicas =, ranks =, top_k =, backend = e.all2all_backend, nil where
--   each rank has a part of each expert }; nil: none are
-- @return a list of regimes by collective; nil where nothing was measured for this hardware
function collectives.measured(e, version, hardware, shared)
  local q = { engine = collectives.engine_of(e.system), version = version, hardware = hardware }
  local function of(collective, ranks)
    q.collective, q.ranks = collective, ranks
    return ranks > 1 and collectives.regimes(q) or nil
  end
  local all = { all_reduce = of("all_reduce", e.tensor_parallel_size) }
  if shared then
    all.all_gather, all.reduce_scatter = of("all_gather", shared.replicas), of("reduce_scatter", shared.replicas)
    if COPIES[shared.backend] then
      q.engine, q.version = shared.backend, nil
      all.dispatch, all.combine = of("dispatch", shared.ranks), of("combine", shared.ranks)
      all.copies = collectives.copies(shared.backend, shared.top_k, shared.ranks)
    end
  end
  return next(all) and all or nil
end

return collectives
