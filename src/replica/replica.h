/*
** replica.h - one copy of the model behind the router: queue, KV cache, running requests, and the
** loop that forms a step, lets its time pass and applies what it did.
*/
#ifndef ORC_REPLICA_REPLICA_H
#define ORC_REPLICA_REPLICA_H

#include "base/base.h"
#include "base/hist.h"
#include "base/rng.h"
#include "cluster/router_load.h"
#include "cost/step.h"
#include "device/pipeline.h"
#include "obs/metrics.h"
#include "replica/decode_set.h"
#include "replica/kv.h"
#include "replica/kv_tiers.h"
#include "replica/policy.h"
#include "replica/prefix.h"
#include "replica/prefix_order.h"
#include "replica/queue.h"
#include "replica/request.h"
#include "sim/engine.h"

/* Kinds of events of the serving layer. */
enum {
  ORC_EVENT_STEP_END = 0,    /* subject: replica + 65536 x microbatch */
  ORC_EVENT_WAKE = 1,        /* subject: replica; form a step if idle */
  ORC_EVENT_ARRIVAL = 2,     /* subject: source */
  ORC_EVENT_FOLLOW = 3,      /* subject: index of a future arrival */
  ORC_EVENT_DEADLINE = 4,    /* subject: slot; key: number of the request */
  ORC_EVENT_COMPUTED = 5,    /* subject: stage of the contended */
  ORC_EVENT_NET = 6,         /* the network's own */
  ORC_EVENT_KV_TRANSFER = 7, /* subject: a kv_transfer (kv_transfer.c) */
  ORC_EVENT_KV_ONLOADED = 8, /* subject: slot (loading.h) */
  ORC_EVENT_SAMPLE = 11,     /* the replicas are looked at */
  ORC_EVENT_READY = 12,      /* subject: replica that has started or recovered */
  ORC_EVENT_FAILURE = 13,    /* subject: replica that fails by chance */
  ORC_EVENT_OUTAGE = 14,     /* subject: index of an outage */
  ORC_EVENT_SCALE = 15,      /* the autoscaler is asked */
};

/* How blocks come back from lower tiers. */
typedef enum orc_onload_mode {
  ORC_ONLOAD_FIRST,   /* before the step that needs them, which waits */
  ORC_ONLOAD_LAYERED, /* in it, each layer's while the one before computes */
  ORC_ONLOAD_AHEAD,   /* before their request is admitted, while others compute (loading.h) */
} orc_onload_mode;

/* Requests that load, in the order in which they end. */
typedef struct orc_kv_onloads {
  orc_slot *at;
  int count, room;
  orc_time free; /* when the way up is free again */
} orc_kv_onloads;

/* The engine's knobs, under vLLM's names. */
typedef struct orc_engine_knobs {
  int32_t max_num_seqs;           /* running at a time, >= 1 */
  int32_t max_num_batched_tokens; /* per step, >= max_num_seqs */
  int32_t max_model_len;          /* prompt and output together */
  int32_t block_size;             /* tokens per KV block */
  int64_t num_gpu_blocks;
  bool enable_chunked_prefill;
  bool swap;           /* requests that give way move to host memory; else they are recomputed */
  int64_t swap_blocks; /* KV blocks the host's memory holds, >= 0 */
  double swap_block_seconds;            /* s to move one block over PCIe */
  int32_t long_prefill_token_threshold; /* tokens of one prompt in a step at most; 0: any */
  int32_t prompt_parts;                 /* steps a prompt is spread over at least; 0: one */
  bool enable_prefix_caching;
  bool sessions_apart;  /* only the turns of one session share prefixes */
  bool recompute_block; /* orc_prefix's by_block */
  bool computed_only;   /* a prefix is found only once the step that computes it is over */
  int32_t min_prefix_cache_length; /* tokens: shorter prefixes of others' prompts are no hit */
  int64_t max_prefix_cache_blocks; /* the prefix cache keeps; 0: as many as fit */
  orc_tier_kind tiers[ORC_KV_TIERS_MOST]; /* where blocks of the prefix cache go that give way */
  int tier_count;                         /* 0: nowhere */
  orc_onload_mode loading;
} orc_engine_knobs;

/* One chunk of a prompt in a step. */
typedef struct orc_chunk {
  orc_slot slot;
  int32_t tokens;
  int32_t past; /* tokens of it in memory before */
} orc_chunk;

/* The step being formed or running in one microbatch. */
struct orc_batch {
  struct orc_replica *replica;
  orc_chunk *chunks;
  int chunk_count, chunk_room;
  int32_t tokens;    /* in all, decodes included */
  int32_t preempted; /* requests sent back since the policy was called */
  bool decodes;      /* the decode set takes part */
  bool open;         /* a policy is forming it now */
};

/*
** One batch in flight. A replica whose layers are cut into stages has as many microbatches as stages, so
** that every stage can be at work (vLLM's virtual engines); others have one. A sequence decodes in
** one microbatch; the chunks of a prompt may run in several at a time, in order.
*/
typedef struct orc_microbatch {
  orc_batch batch;
  orc_decode_set decode;
  int abandoned_steps;     /* contended: steps under way that nobody waits for, since it failed */
  orc_time begun;          /* contended: when the running step began */
  orc_device_step step;    /* lockstep: the running one */
  orc_decode_span *worked; /* [stages] */
  orc_time end;            /* of the running step */
  orc_slot *joining;       /* sequences to decode here that wait for the running step's end */
  int joining_count, joining_room;
  uint8_t index;
  bool busy; /* a step is running */
} orc_microbatch;

/* Tokens that clients got, and ns they waited for them in all. */
typedef struct orc_answered {
  uint64_t firsts;   /* first tokens of requests */
  double first_time; /* from arrival */
  uint64_t gaps;     /* tokens after those */
  double gap_time;   /* between a token and the one before */
} orc_answered;

/* What a replica did since the run began; time in ns. */
typedef struct orc_usage {
  orc_time busy; /* time in which a step was running */
  uint64_t steps;
  uint64_t policy_calls;
  unsigned __int128 block_time; /* integral of used blocks over time in steps, block ns */
  int64_t peak_blocks;
  uint64_t preemptions;
  uint64_t counted_preemptions, recomputed_tokens; /* of requests after the warm-up */
  uint64_t swapped_blocks;                         /* moved out to host memory */
  orc_answered answered;                           /* first tokens; the others are in: */
  orc_hist gaps;                                   /* between tokens of a request (ITL) */
} orc_usage;

struct orc_replica {
  orc_cluster *cluster;
  orc_engine *engine;
  orc_requests *requests;
  const orc_batching *policy;
  orc_engine_knobs knobs;
  struct orc_dp_group *lockstep; /* those it steps together with; NULL: none */
  int64_t all_tokens;            /* of the step of all of them */
  orc_step_cost cost;            /* of the whole model */
  orc_pipeline pipeline;         /* its stages */
  /* high, on links of others: it computes and sends on the engine's clock; else NULL */
  struct orc_contended *contended;
  orc_kv kv;
  orc_prefix prefix;  /* empty without enable_prefix_caching */
  orc_kv_tiers tiers; /* below it; unused without any */
  orc_queue queue;
  orc_microbatch *microbatches;
  orc_microbatch *microbatch; /* the one at hand: its step is being formed, started or applied */
  orc_slot first, last;       /* running requests in order of admission */
  orc_slot *partial;  /* running requests whose prompt is begun and not done, in that order */
  int64_t host_free;  /* blocks of host memory nobody uses */
  int64_t moved;      /* blocks that go over PCIe before the step being formed */
  double fetching;    /* s before it in which blocks come back from lower tiers */
  orc_time last_step; /* ns the newest step takes; 0 before the first */
  int64_t lost;       /* tokens forgotten since the last one came out */
  int32_t empty;      /* empty steps that its policy formed since the last one that was none */
  orc_prefix_order prefix_order; /* of orc_batch_walk */
  orc_kv_onloads loads;          /* requests whose prefix comes back */
  orc_router_load load;          /* what the router sent here, where it wants to know */
  orc_rng rng;                   /* draws of its policy */
  orc_time now;                  /* its own clock: the start of the running step, or the engine's */
  orc_time counted;              /* stepwise: usage is up to date until here */
  orc_time wake;                 /* a WAKE is pending for this time; ORC_NEVER: none */
  orc_usage usage;
  orc_metrics *metrics; /* [profiles] */
  orc_role role;
  int inbound;  /* requests on their way here from the replica that computed them */
  int outbound; /* requests whose KV is kept here until it is where they are decoded */
  int microbatch_count;
  int32_t running;
  int partial_count, partial_room;
  int32_t kept;        /* waiting requests that still hold blocks: paused ones */
  int32_t last_tokens; /* tokens it computes */
  int contended_stage; /* contended: its first stage among all there */
  int aborting;        /* running requests with `aborted` set */
  uint16_t index, pool;
  bool unchanged; /* nothing changed since the policy left all but the decodes alone */
  bool shared;    /* a link it uses is used by others too */
  orc_lod level;  /* of detail, as it is asked for */
  bool high;      /* each layer, device and message, not whole steps */
  bool stepwise;  /* each step's end is an event: steps overlap, or nobody knows when they end */
  bool runs;      /* steps inside the horizon need no event */
};

/* What a replica is made of. */
typedef struct orc_replica_kind {
  orc_engine_knobs knobs;
  const orc_step_cost *cost;   /* prepared */
  const orc_step_cost *stages; /* [pipeline_parallel_size] the same on the GPUs of each stage, whole
                                  models; NULL: all as cost */
  orc_role role;
} orc_replica_kind;

/* Set up an idle replica. */
void orc_replica_init(orc_replica *r, orc_cluster *c, uint16_t index, const orc_replica_kind *kind);
void orc_replica_done(orc_replica *r);

/* A request comes to this replica now: it waits, or is REJECTED if it can never fit. */
bool orc_replica_enqueue(orc_replica *r, orc_slot slot, orc_error *e);

/* Its client is gone: it ends with `status`, at once if it waits, else when the step is over. */
void orc_replica_abort(orc_replica *r, orc_slot slot, orc_status status);

/* Bring the usage of a stepwise replica up to `now` (ns). Before steps begin or end. */
void orc_replica_count(orc_replica *r, orc_time now);

/* The run ends at `end` (ns): a step that goes on counts as far as it got. Once, before the books
 * close. */
void orc_replica_cut(orc_replica *r, orc_time end);

/* Handlers of the events of this replica. The end of a step that was abandoned is passed over. */
bool orc_replica_step_end(orc_replica *r, int microbatch, orc_error *e);
bool orc_replica_wake(orc_replica *r, orc_error *e);

/* s that the work of a stage's GPUs so far takes at the peak of the roof each step is under. */
double orc_replica_roof(const orc_replica *r, int stage);

/* Whether a request is too long for this replica, whatever else it does. */
bool orc_replica_never_fits(const orc_replica *r, const orc_request *q);

/* A request whose KV has come in, in blocks taken for it, waits to be admitted from now on. */
void orc_replica_take_over(orc_replica *r, orc_slot slot);

/*
** For the lockstep, of r->microbatch: form a step from r->now on (*work: there is one), note that it has
** started and when it will end (ns), and apply it then.
*/
bool orc_replica_form(orc_replica *r, bool *work, orc_error *e);
void orc_replica_started(orc_replica *r, orc_time end);
void orc_replica_apply(orc_replica *r, orc_time now);

/* contended: the step of a microbatch has left the last stage of the replica `self` now. */
void orc_replica_landed(void *self, int microbatch);

/* Time in steps up to `now` (ns), which no event of this replica has passed. */
orc_time orc_replica_busy(const orc_replica *r, orc_time now);

/* Requests here, waiting, loading or running. */
static inline int64_t orc_replica_in_flight(const orc_replica *r)
{
  return (int64_t)r->queue.count + r->loads.count + r->running;
}

/* Something outside changed: the policy is asked again at its next step, which an idle replica with
** requests begins now. Between events only. */
void orc_replica_disturb(orc_replica *r);

/* Devices it runs on. */
static inline int orc_replica_devices(const orc_replica *r)
{
  return r->cost.layout.tensor_parallel_size * r->pipeline.count;
}

/* Put a running request on, or take it off, the list in order of admission. */
void orc_replica_link(orc_replica *r, orc_slot slot);
void orc_replica_unlink(orc_replica *r, orc_slot slot);

/* Put a running request on, or take it off, the list of prompts begun. */
void orc_replica_begin_partial(orc_replica *r, orc_slot slot);
void orc_replica_leave_partial(orc_replica *r, orc_slot slot);

#endif
