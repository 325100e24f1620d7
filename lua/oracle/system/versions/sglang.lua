--- The versions of SGLang that are modelled: what their schedulers do differently, for oracle.batching.sglang. Files
-- are those below sglang/srt of the wheels of 0.5.5 and 0.5.23: sched = managers/scheduler.py, policy =
-- managers/schedule_policy.py.
local versions = require "oracle.system.versions"

return versions.new {
  { "0.5.5", {
    spare_pages = 0,
    prefill_limit_always = true,                          -- a spent max_prefill_tokens ends a batch (policy:584,603)
    finished_stay = true,                                 -- one that ended leaves when others decode (sched:1896)
    always_full = true,                                   -- one that does not fit closes admission (sched:1813)
  } },
  { "0.5.23", {
    spare_pages = 1,                                      -- pages more that a request is charged (policy:1408-1417)
    touches_waiting = true,                               -- in every order (policy:282-302)
    chunk_goes_on = true,                                 -- though memory is promised (mem_cache/prefill_budget.py:142)
  } },
}
