--- Where the time of the GPUs went: `time_split` of a summary. Shares of the time at work, which add up to 1 -
--   gemm         products of matrices, those of experts apart
--   attention    scores, softmax and weighted sums, by which KV is read
--   experts      products of experts
--   lm_head      the product with the vocabulary
--   collective   all-reduces of tensor-parallel ranks
--   exchange     tokens to experts on other ranks, and back
--   overhead     what is none of these: norms and other passes over activations, launches, the host
--   transfer     KV blocks and adapters that a step waits for, and activations on their way between pipeline stages
-- - and of the run: busy, idle. bound_by: what bound the time at work: compute (FLOPs), memory (bytes of the GPU's
-- memory), communication (collective, exchange, transfer), overhead (neither: launches, the host, fixed times).
-- Activations travel beside what a stage computes meanwhile, so `busy` does not count them.
local ordered = require "oracle.text.ordered"

local time_split = {}

local ITEMS = { "gemm", "attention", "experts", "lm_head", "collective", "exchange", "overhead", "transfer" }
local BOUND = { "compute", "memory", "communication", "overhead" }

time_split.ITEMS, time_split.BOUND = ITEMS, BOUND

-- Seconds of all GPUs by item.
local function gather(replicas, gpus_per_replica)
  local sum, all = { compute = 0, memory = 0 }, 0
  for _, item in ipairs(ITEMS) do sum[item] = 0 end
  for _, replica in ipairs(replicas) do
    local gpus = (replica.gpus or gpus_per_replica) / #(replica.stages or { true })
    for item, seconds in pairs(replica.split or {}) do sum[item] = sum[item] + gpus * math.max(0, seconds) end
  end
  for _, item in ipairs(ITEMS) do all = all + sum[item] end
  return sum, all
end

--- The section of a summary.
-- @param replicas of the raw result
-- @param gpus_per_replica where these do not say it
-- @param busy mean share of the run in which GPUs were at work
function time_split.of(replicas, gpus_per_replica, busy)
  local sum, all = gather(replicas, gpus_per_replica)
  local function share(seconds) return all > 0 and math.min(1, seconds / all) or 0 end
  local list, bound = {}, {}
  for i, item in ipairs(ITEMS) do list[i] = { item, share(sum[item]) } end
  sum.communication = sum.collective + sum.exchange + sum.transfer
  sum.overhead = math.max(0, all - sum.compute - sum.memory - sum.communication)
  for i, name in ipairs(BOUND) do bound[i] = { name, share(sum[name]) } end
  list[#list + 1] = { "busy", busy }
  list[#list + 1] = { "idle", 1 - busy }
  list[#list + 1] = { "bound_by", ordered.object(bound) }
  return ordered.object(list)
end

return time_split
