/*
** delays.h - what the time of a request went into: whole nanoseconds by what it waited for or was
** worked on, and the same time by what bound it meanwhile. It observes and never decides.
*/
#ifndef ORC_OBS_DELAYS_H
#define ORC_OBS_DELAYS_H

#include "base/base.h"

typedef enum orc_delay {
  ORC_DELAY_API,            /* from its client to the queue */
  ORC_DELAY_REPLICA,        /* no replica was ready for it */
  ORC_DELAY_STEP,           /* the step under way when it came had to end */
  ORC_DELAY_SEATS,          /* max_num_seqs sequences ran */
  ORC_DELAY_BUDGET,         /* the tokens of the step were given away: its decodes, */
  ORC_DELAY_PROMPTS,        /* and the prompts of others in it */
  ORC_DELAY_BLOCKS,         /* there were too few KV blocks for it */
  ORC_DELAY_POLICY,         /* the scheduler chose to wait */
  ORC_DELAY_PREFILL,        /* its own prompt was computed */
  ORC_DELAY_OTHERS_PREFILL, /* others' prompts were, in steps that it took part in or waited out */
  ORC_DELAY_OTHERS_DECODE,  /* others decoded in steps that computed its prompt */
  ORC_DELAY_STAGES,         /* other microbatches or ranks were waited for */
  ORC_DELAY_WEIGHTS,        /* it decoded: products of matrices and the LM head, */
  ORC_DELAY_KV,             /* attention, */
  ORC_DELAY_COLLECTIVES,    /* what GPUs exchange, between stages too, */
  ORC_DELAY_OVERHEAD,       /* norms, launches, the host, */
  ORC_DELAY_DRAFTS,         /* proposals to verify */
  ORC_DELAY_PREEMPTED,      /* it waited after it had been preempted, or after a failure, */
  ORC_DELAY_RECOMPUTE,      /* and what it had was computed again */
  ORC_DELAY_POOL_ROOM,      /* between pools: the other one had no room, */
  ORC_DELAY_POOL,           /* and its KV was on the way */
  ORC_DELAY_TIERS,          /* KV came back from lower tiers */
  ORC_DELAY_HOST,           /* KV blocks or adapters moved from or to the host's memory */
  ORC_DELAY_STREAM,         /* tokens that were there went out with later ones */
  ORC_DELAYS                /* how many there are */
} orc_delay;

typedef enum orc_binding {
  ORC_BINDING_COMPUTE,  /* FLOPs */
  ORC_BINDING_MEMORY,   /* bandwidth of the GPU's memory */
  ORC_BINDING_LINK,     /* between GPUs, pools and tiers */
  ORC_BINDING_HOST,     /* launches, the host, fixed times */
  ORC_BINDING_SEATS,    /* max_num_seqs */
  ORC_BINDING_BUDGET,   /* max_num_batched_tokens */
  ORC_BINDING_BLOCKS,   /* of the KV cache */
  ORC_BINDING_REPLICAS, /* that are ready */
  ORC_BINDING_POLICY,   /* the scheduler */
  ORC_BINDINGS          /* how many there are */
} orc_binding;

/* Names as results have them: "queue.seats", "kv_blocks". */
const char *orc_delay_name(orc_delay what);
const char *orc_binding_name(orc_binding what);

/* ns, all >= 0; both lists add up to the same. */
typedef struct orc_delays {
  orc_time at[ORC_DELAYS];
  orc_time by[ORC_BINDINGS];
} orc_delays;

orc_time orc_delays_total(const orc_delays *d);

void orc_delays_add(orc_delays *into, const orc_delays *more);
void orc_delays_subtract(orc_delays *from, const orc_delays *less);

/* What of *d, which adds up to `whole` ns, passes in the first `part` of it (0 <= part <= whole): it
** adds up to `part`, and what is left of each entry is not below 0. */
orc_delays orc_delays_part(const orc_delays *d, orc_time whole, orc_time part);

/* Divide `whole` ns among n >= 1 shares of these weights (>= 0; all of them 0: the last gets it). */
void orc_delays_divide(const double *weights, int n, orc_time whole, orc_time *out);

#endif
