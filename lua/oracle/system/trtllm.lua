--- TensorRT-LLM: in-flight batching. GUARANTEED_NO_EVICT starts a request only when its longest answer fits;
-- MAX_UTILIZATION starts the requests that fit now and pauses the last when memory runs short; STATIC_BATCH runs a
-- batch to its end.
local system = require "oracle.system"

return system.new {
  name = "trtllm",
  also = { "TensorRT-LLM", "TensorRT" },
  version = "v1.0",
  source = "github.com/NVIDIA/TensorRT-LLM v1.0, tensorrt_llm/llmapi/llm_args.py (KvCacheConfig, SchedulerConfig, "
    .. "BuildConfig); documentation, Useful Runtime Options; Tuning Max Batch Size and Max Num Tokens",
  defaults = { block_size = 32, max_num_seqs = 2048, max_num_batched_tokens = 8192, enable_chunked_prefill = false },
  aliases = {
    tp_size = "tensor_parallel_size", pp_size = "pipeline_parallel_size", max_batch_size = "max_num_seqs",
    max_num_tokens = "max_num_batched_tokens", max_seq_len = "max_model_len", tokens_per_block = "block_size",
    kv_cache_free_gpu_memory_fraction = "gpu_memory_utilization", free_gpu_memory_fraction = "gpu_memory_utilization",
    enable_chunked_context = "enable_chunked_prefill", enable_block_reuse = "enable_prefix_caching",
  },
  knobs = {
    { "capacity_scheduler_policy", "choice", values = { "GUARANTEED_NO_EVICT", "MAX_UTILIZATION", "STATIC_BATCH" },
      default = "GUARANTEED_NO_EVICT", doc = "trtllm: what memory a request needs to start" },
  },
  computed_only = true,                                   -- blocks are stored for reuse once a prompt is computed
  -- kv_cache_config.free_gpu_memory_fraction is a share of what weights and activations leave.
  room = function(e, gpu, weights, activations)
    return e.gpu_memory_utilization * (gpu.memory - weights - activations), gpu.memory
  end,
  batching = function(e)
    if e.capacity_scheduler_policy == "MAX_UTILIZATION" then return "chunked" end
    return e.capacity_scheduler_policy == "STATIC_BATCH" and "static" or "no_evict"
  end,
}
