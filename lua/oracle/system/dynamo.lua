--- NVIDIA Dynamo over vLLM workers: a router that knows their caches and, where the scenario has a network for the KV
-- caches to go over, workers that compute prompts apart from workers that decode. Every prompt goes through a prefill
-- worker then, as in v0.8; `conditional_disagg` decides per request whether that is worth it, as v0.2 to v0.4 did.
local system = require "oracle.system"
local versions = require "oracle.system.versions.vllm"

return system.new {
  name = "dynamo",
  also = { "Dynama" },                                    -- as some files call it
  version = "v0.8",
  source = "github.com/ai-dynamo/dynamo v0.8: docs/router/README.md, docs/router/kv_cache_routing.md, "
    .. "lib/llm/src/kv_router; workers: vLLM v0.11; conditional disaggregation: v0.2, "
    .. "docs/architecture/disagg_serving.md and examples/llm/components/disagg_router.py",
  fitted_as = "vllm",
  kv_loading = "async",                                   -- its workers' OffloadingConnector
  knobs = {
    { "prefill_workers", "count", min = 0, max = 65535,
      doc = "dynamo: replicas that compute prompts; half of them where there is a network, else 0: all do both" },
    { "kv_overlap_score_weight", "number", min = 0, max = 1000, default = 1.0,
      doc = "dynamo: weight of prompt blocks to compute against blocks in use" },
    { "router_temperature", "number", min = 0, max = 1000, default = 0.0,
      doc = "dynamo: 0 takes the cheapest replica, above it a cheaper one is likelier" },
    { "conditional_disagg", "boolean",
      doc = "dynamo: workers that decode compute short prompts themselves; true where one of the next two is given" },
    { "max_local_prefill_length", "count", min = 0, max = 100000000,
      doc = "dynamo: prompt tokens not in its cache that a decode worker computes itself; 1000" },
    { "max_prefill_queue_size", "count", min = 0, max = 1000000,
      doc = "dynamo: requests in the prefill queue from which on decode workers compute all prompts; 2" },
  },
  open = function() return { "recompute_last_block" } end,
  fill = function(e)
    if e.recompute_last_block == nil then e.recompute_last_block = e.enable_prefix_caching end
  end,
  rules = function() return versions.rules "0.11" end,     -- its workers'
  batching = function() return "chunked" end,
  router = function(e)
    local conditional = e.conditional_disagg
    if conditional == nil then conditional = (e.max_local_prefill_length or e.max_prefill_queue_size) ~= nil end
    return { "kv_aware", overlap_score_weight = e.kv_overlap_score_weight + 0.0,
             router_temperature = e.router_temperature + 0.0, block_size = e.block_size,
             conditional = conditional and 1 or 0, max_local_prefill_length = e.max_local_prefill_length or 1000,
             max_prefill_queue_size = e.max_prefill_queue_size or 2 }
  end,
  shape = function(r)
    local other = r.pools and "pools" or r.groups and "groups" or r.stages and "stages"
      or r.autoscaling and "autoscaling"
    if other then
      if not r.engine.prefill_workers then return end
      error(("engine.prefill_workers: %d: beside %s say what the replicas do with `pools`"):format(
        r.engine.prefill_workers, other), 0)
    end
    local n = r.engine.prefill_workers or (r.network and r.replicas // 2) or 0
    if n == 0 then return end
    if not r.network then
      error("engine.prefill_workers: KV caches go over a network; describe it with `network`", 0)
    end
    if n >= r.replicas then
      error(("engine.prefill_workers: %d of %d replicas: some must decode"):format(n, r.replicas), 0)
    end
    r.pools = { prefill = { replicas = n }, decode = { replicas = r.replicas - n }, transfer = "end" }
    r.replicas = 1                                        -- the pools say how many there are
  end,
}
