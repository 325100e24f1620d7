--- The rules in which vLLM's versions differ, by name; whatever is not here holds for both. Paths are below vllm/ of
-- the version's wheel; sched = v1/core/sched/scheduler.py.
local rules = {}

rules["0.11"] = {
  blocks_without_content_first = false,                   -- v1/core/block_pool.py:272,338: one queue, order of freeing
  whole_sequence_must_fit = false,                        -- sched:471: room for the first chunk is enough
  lone_request_without_threshold = false,                 -- sched:216,424: the threshold holds for everybody
  unfit_prompt_is_passed_over = true,                     -- sched:434,541: chunking off; those behind it get their turn
  victim_keeps_its_tokens = true,                         -- sched:262-281: a bug: what was scheduled of it stays so
  self_preempted_ends_the_step = true,                    -- sched:283-292
  retains = "every block",                                -- of window groups: there is no retention rule
  chunked_keeps_last_known_block = true,                  -- v1/core/single_type_kv_cache_manager.py:500-507
}

rules["0.33"] = {
  blocks_without_content_first = true,                    -- v1/core/block_pool.py:816-847
  whole_sequence_must_fit = true,                         -- sched:1449; config/scheduler.py:190
  lone_request_without_threshold = true,                  -- sched:754-763
  unfit_prompt_is_passed_over = false,                    -- sched:1335-1344: chunking off; it stops the scan
  victim_keeps_its_tokens = false,                        -- sched:944-957: tokens go back to the budget
  self_preempted_ends_the_step = false,                   -- sched:982-994: under priorities those behind it go on
  retains = "replay and junctions",                       -- config/cache.py:275, prefix_cache_retention_interval = 0
  chunked_keeps_last_known_block = false,                 -- v1/core/single_type_kv_cache_manager.py:1381-1425
}

return rules
