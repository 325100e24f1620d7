--- SGLang: prompts go first and alone, in chunks; admission spares the memory that running requests are expected to
-- need, and those with the fewest tokens generated are sent back when it was too little.
local system = require "oracle.system"

local GiB = 2^30

return system.new {
  name = "sglang",
  version = "v0.5",
  source = "python/sglang/srt/server_args.py, managers/scheduler.py and managers/schedule_policy.py, v0.5",
  -- The radix cache holds single tokens unless --page-size says otherwise. max_running_requests is 2048 or more in
  -- SGLang; fewer here, because memory for the logits of all of them is set aside.
  defaults = { block_size = 1, gpu_memory_utilization = 0.88, max_num_seqs = 1024 },
  aliases = {
    tp_size = "tensor_parallel_size", pp_size = "pipeline_parallel_size", dp_size = "data_parallel_size",
    context_length = "max_model_len", chunked_prefill_size = "max_num_batched_tokens",
    max_running_requests = "max_num_seqs", mem_fraction_static = "gpu_memory_utilization", page_size = "block_size",
  },
  knobs = {
    { "schedule_policy", "choice", values = { "fcfs", "lpm", "dfs-weight", "lof", "random" }, default = "fcfs",
      doc = "sglang: order of the queue: first come, longest cached prefix, depth first through the prefix tree, "
        .. "longest output, random" },
    { "schedule_conservativeness", "number", min = 0, open = true, max = 10, default = 1.0,
      doc = "sglang: above 1 admits less, so that fewer are sent back" },
    { "max_prefill_tokens", "count", min = 1, max = 100000000, default = 16384,
      doc = "sglang: prompt tokens admitted in one step" },
  },
  -- server_args.py: 2048 below 35 GB of memory, 4096 below 60 GB, 8192 below 160 GB, else 16384.
  fill = function(e, hardware)
    if e.max_num_batched_tokens then return end
    local memory = hardware.memory / GiB
    e.max_num_batched_tokens = memory < 35 and 2048 or memory < 60 and 4096 or memory < 160 and 8192 or 16384
    e.max_num_seqs = math.min(e.max_num_seqs, e.max_num_batched_tokens)
  end,
  batching = function(e)
    return { "sglang", schedule_policy = e.schedule_policy, schedule_conservativeness = e.schedule_conservativeness,
             max_prefill_tokens = e.max_prefill_tokens }
  end,
}
