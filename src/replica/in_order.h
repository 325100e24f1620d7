/*
** in_order.h - running requests served one by one in order of admission, as vLLM V1's scheduler
** does it (vllm/v1/core/sched/scheduler.py, Scheduler.schedule, 0.11 and 0.33): each takes the
** blocks it needs, or others give way, or it does itself. Only where blocks run short does the order
** make a difference.
*/
#ifndef ORC_REPLICA_IN_ORDER_H
#define ORC_REPLICA_IN_ORDER_H

#include "replica/server.h"

/*
** Running requests go on in the step of `m` with nothing in it yet: one token for each that decodes;
** for prompts computed in part, up to what remains of `limit` >= 1. Sequences that get nothing sit the
** step out. Returns the tokens granted.
*/
int orc_in_order_serve(orc_replica *r, orc_microbatch *m, int limit);

#endif
