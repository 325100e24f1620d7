#include "replica/livelock.h"

/*
** A policy that preempts and admits the same requests over and over computes tokens without end and
** none comes out: all of the KV cache was lost this many times since the last one did.
*/
enum { LOSSES_MOST = 64, LOSSES_MOST_SENDING = 1000000 };

/* One that asks to be called again and again and forms nothing would do so for ever. */
enum { EMPTY_MOST = 1000000 };

bool orc_livelock_check(const orc_replica *r, orc_error *e)
{
  if (r->empty >= EMPTY_MOST)
    return orc_fail(e,
                    "batching policy \"%s\"%s makes no progress: it formed %d empty steps in a row "
                    "with %u waiting and %d running",
                    r->policy->name, orc_batching_place(r->policy), EMPTY_MOST, r->queue.count,
                    r->running);
  /* Blocks of prompts that are on their way to another replica come back when they are there. */
  const int64_t most = r->outbound > 0 ? LOSSES_MOST_SENDING : LOSSES_MOST;
  if (r->lost / most <= r->kv.total * r->kv.block_size) return true;
  return orc_fail(
      e,
      "batching policy \"%s\"%s makes no progress: %lld tokens were computed and forgotten "
      "again since a token came out",
      r->policy->name, orc_batching_place(r->policy), (long long)r->lost);
}
