--- The versions of vLLM that are modelled: the rules of their schedulers and KV cache managers. Paths are below vllm/v1
-- of the wheels of 0.11.0 and 0.33.0; what each rule is says src/replica/rules.h.
local versions = require "oracle.system.versions"

return versions.new {
  also = ", V0 with use_v1 = false",
  common = { keeps_equal_blocks = true, knows_all_blocks = true, preempted_goes_first = true, serves_in_order = true,
             null_block = true },                         -- core/block_pool.py: 0.11 :157, 0.33 :191
  { "0.11", {
    one_free_queue = true,                                -- core/block_pool.py:272,338
    victim_keeps_its_tokens = true,                       -- core/sched/scheduler.py:262-281
    self_preempted_ends_the_step = true,                  -- core/sched/scheduler.py:283-292
    counts_every_look = true,                             -- core/kv_cache_manager.py:185-189
    keeps_last_known_block = true,                        -- core/single_type_kv_cache_manager.py:500-507
  } },
  { "0.33", {
    schedules_ahead = true,                               -- config/vllm.py:1685-1719
    whole_sequence_must_fit = true,                       -- core/sched/scheduler.py:1449, config/scheduler.py:190
    lone_request_without_threshold = true,                -- core/sched/scheduler.py:754-763
    unfit_prompt_ends_the_step = true,                    -- core/sched/scheduler.py:1335-1344
    caches_boundaries = true,                             -- config/cache.py:275
  } },
}
