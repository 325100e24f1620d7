/*
** server.h - one LLM server: a copy of the model behind the router, with its queue, KV cache,
** running requests and microbatches. loop.h makes it work.
*/
#ifndef ORC_REPLICA_SERVER_H
#define ORC_REPLICA_SERVER_H

#include "base/base.h"
#include "base/hist.h"
#include "base/rng.h"
#include "cost/draft.h"
#include "cost/step.h"
#include "device/pipeline.h"
#include "obs/metrics.h"
#include "replica/host.h"
#include "replica/knobs.h"
#include "replica/kv.h"
#include "replica/kv_tiers.h"
#include "replica/microbatch.h"
#include "replica/prefix.h"
#include "replica/prefix_order.h"
#include "replica/queue.h"
#include "replica/request.h"
#include "replica/scheduler.h"
#include "replica/step_shapes.h"
#include "replica/turns.h"
#include "sim/engine.h"

/* What a replica does with requests. */
typedef enum orc_role {
  ORC_ROLE_ALL,
  ORC_ROLE_PREFILL, /* computes prompts and hands the requests over with their first token */
  ORC_ROLE_DECODE,  /* takes requests from those; of the router's, it does all the work itself */
} orc_role;

/* How finely steps are simulated. */
typedef enum orc_lod {
  ORC_LOD_MEDIUM, /* a step on a stage is one operation, collectives by formula */
  ORC_LOD_HIGH,   /* each layer on each device, collectives message by message */
  ORC_LOD_AUTO,   /* high where links are shared */
} orc_lod;

/* Kinds of events of a replica; others are its world's. */
enum {
  ORC_EVENT_STEP_END = 0,    /* subject: replica + 65536 x microbatch */
  ORC_EVENT_WAKE = 1,        /* subject: replica; form a step if idle */
  ORC_EVENT_KV_ONLOADED = 8, /* subject: slot (kv_onload.h) */
};

/* Requests whose prefix comes back, in the order in which their loads end. */
typedef struct orc_kv_onloads {
  orc_slot *at;
  int count, room;
  orc_time free; /* ns: when the last load that is queued by now ends */
} orc_kv_onloads;

/* Tokens that clients got, and ns they waited for them in all. */
typedef struct orc_answered {
  uint64_t firsts;   /* first tokens of requests */
  double first_time; /* from arrival */
  uint64_t gaps;     /* tokens after those */
  uint64_t together; /* of these, those that came with another of their request in one step */
  double gap_time;   /* between a token and the one before */
} orc_answered;

/* Draft tokens that were verified, under the names of vLLM's counters (v1/spec_decode/metrics.py). */
typedef struct orc_drafting {
  uint64_t drafts;                    /* sequences that verified some in a step, each time */
  uint64_t draft_tokens;              /* in all */
  uint64_t accepted[ORC_DRAFTS_MOST]; /* of the first in a step, the second ... */
} orc_drafting;

/* Tokens looked up in the prefix cache and found there, as the engine counts (prefix_stats.h). */
typedef struct orc_prefix_counters {
  uint64_t queries, hits;
  uint64_t preempted_queries,
      preempted_hits; /* of requests that had been preempted; among the others
                                                 where those are counted at every look */
} orc_prefix_counters;

/* The last look since the policy was asked. */
typedef struct orc_look {
  uint64_t number; /* of the request */
  uint64_t steps;  /* begun when the policy was asked */
  int32_t hits;    /* tokens found */
  bool in_vain;    /* it was not admitted */
} orc_look;

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
  orc_drafting drafting;
  orc_prefix_counters prefix;
  orc_answered answered; /* first tokens; the others are in orc_observed.gaps */
} orc_usage;

typedef struct orc_contended orc_contended;           /* device/contended.h */
typedef struct orc_replica_delays orc_replica_delays; /* attribution.h */

/* A step in flight while the next is formed. */
typedef struct orc_flight {
  orc_time end;             /* ns */
  int32_t tokens;           /* it computes */
  int32_t decodes, prompts; /* sequences of each kind */
} orc_flight;

static inline orc_flight orc_flight_of(const orc_microbatch *m)
{
  return (orc_flight){ .end = m->end,
                       .tokens = m->tokens,
                       .decodes = m->decodes ? (int32_t)m->decode.n : 0,
                       .prompts = m->chunk_count };
}

/* A request that ends with the step being applied. */
typedef struct orc_ending {
  orc_time time; /* of the step's end, ns */
  uint64_t admitted, number;
  orc_slot slot;
} orc_ending;

/* A prompt that is unlike any other, for as long as it is looked at (block_table.c). */
typedef struct orc_own_prompt {
  orc_prompt prompt;
  orc_span span;
} orc_own_prompt;

typedef struct orc_replica {
  const orc_host *host;
  orc_engine *engine;
  orc_requests *requests;
  const orc_batching *policy;
  orc_engine_knobs knobs;
  const orc_step_cost *cost;   /* of the whole model */
  const orc_draft_cost *draft; /* what proposes to it; all zeroes without speculation */
  orc_pipeline pipeline;       /* its stages */
  orc_kv kv;
  orc_kv_groups *groups; /* whose blocks the kv counts; NULL: all layers keep every token */
  orc_own_prompt *own;
  orc_prefix prefix;  /* empty without enable_prefix_caching */
  orc_kv_tiers tiers; /* below it; unused without any */
  orc_queue queue;
  orc_turns *turns; /* of the clients in it; NULL: its policy has not asked for them */
  orc_microbatch *microbatches;
  int64_t last_prompts; /* the number, from 1, of its last step with prompts (pace.h) */
  uint64_t admissions;  /* so far */
  double front;       /* key of the request that went to the front of the queue last; 0: none did */
  orc_ending *ending; /* requests that end with the step, while it is applied */
  int ending_count, ending_room;
  orc_slot *aside; /* of the queue, those passed over while a step is formed */
  int aside_count, aside_room;
  orc_flight flight[2]; /* schedules ahead: the steps in flight */
  int flights;
  orc_slot first, last; /* running requests in order of admission */
  orc_slot *partial;    /* running requests whose prompt is begun and not done, in that order */
  int64_t host_free;    /* free blocks of host memory */
  orc_microbatch_moves moves;    /* blocks moved while no step was formed: before the next one */
  orc_time last_step;            /* ns the newest step takes; 0 before the first */
  int64_t lost;                  /* tokens forgotten since the last one came out */
  orc_prefix_order prefix_order; /* of orc_batch_walk */
  orc_kv_onloads loads;
  orc_loras loras;
  orc_rng rng;      /* draws of its policy */
  uint64_t seed;    /* of draws that go by request */
  orc_time now;     /* its own clock: the start of the running step, or the engine's */
  orc_time counted; /* stepwise: usage is up to date until here */
  orc_time wake;    /* a WAKE is pending for this time; ORC_NEVER: none */
  orc_time
      asleep; /* ns: the steps from `now` to here are foreseen, and simulated at this time or when
                       it is settled (loop.h); ORC_NEVER: there are none */
  orc_time settles; /* while it is settled: until when (ns); ORC_NEVER otherwise */
  orc_usage usage;
  orc_look looked_up;
  orc_observed *observed;     /* of its requests; all replicas' where observed_together */
  orc_step_shapes *shapes;    /* of its steps; NULL: they are not kept */
  orc_replica_delays *delays; /* what its steps are to its requests; NULL: it is not told */
  orc_role role;
  int inbound;  /* requests on their way here from the replica that computed them */
  int outbound; /* requests whose KV is kept here until it is where they are decoded */
  int starved;  /* 1 + the microbatch that waits for blocks of another's; 0: none (preempt.h) */
  int microbatch_count, profile_count;
  int32_t running;
  int partial_count, partial_room;
  int32_t empty;            /* empty steps that its policy formed since the last that was none */
  int32_t kept;             /* waiting requests that still hold blocks: paused ones */
  orc_slot paused;          /* the first of these, linked by prev and next, in no order */
  int32_t last_tokens;      /* tokens that the newest step computes */
  orc_contended *contended; /* high, on links of others: it computes and sends on the engine's
                               clock; NULL: it does not */
  int contended_stage;      /* its first stage among the contended's */
  int aborting;             /* running requests with `aborted` set */
  uint16_t index, pool;
  bool short_of_room;     /* requests were left waiting when they were looked at last */
  bool lockstep;          /* it steps together with others (orc_host) */
  bool observed_together; /* its requests are not told from those of others */
  bool unchanged;         /* nothing changed since the policy left all but the decodes alone */
  bool shared;            /* a link it uses is used by others too */
  orc_lod level;          /* of detail, as it is asked for */
  bool high;              /* each layer, device and message, not whole steps */
  bool stepwise; /* each step's end is an event: steps overlap, or their end is not known before */
  bool runs;     /* steps inside the horizon need no event */
  bool sleeps;   /* runs that pass the horizon are put off */
} orc_replica;

/* What a replica is made of. What is pointed to outlives it. */
typedef struct orc_replica_kind {
  orc_engine_knobs knobs;
  const orc_step_cost *cost; /* prepared */
  orc_pipe_cost *stages;     /* of its stages (orc_pipe_costs_new), others' as well */
  orc_role role;
  const orc_draft_cost *draft; /* NULL: nothing proposes to it */
} orc_replica_kind;

/* What all replicas of a world have in common; it outlives them. */
typedef struct orc_replica_world {
  const orc_host *host;
  orc_engine *engine;
  orc_requests *requests;
  const orc_batching *policy;
  uint64_t seed;          /* of the draws of policies */
  orc_observed *observed; /* of all replicas together; NULL: each has its own */
  int profile_count;      /* >= 1 */
  bool runs;              /* steps inside the horizon need no event */
  bool sleeps;            /* whoever looks at a replica or touches it settles it before (loop.h) */
} orc_replica_world;

/* Set up an idle replica, the index-th of its world. It must not move afterwards. */
void orc_replica_init(orc_replica *r, const orc_replica_world *world, uint16_t index,
                      const orc_replica_kind *kind);
void orc_replica_done(orc_replica *r);

static inline orc_request *orc_replica_request(const orc_replica *r, orc_slot slot)
{
  return &r->requests->at[slot];
}

/* Requests here: waiting, loading or running. */
static inline int64_t orc_replica_in_flight(const orc_replica *r)
{
  return (int64_t)r->queue.count + r->loads.count + r->running;
}

/* The requests here as a step of microbatch `m` starts. Those that were handed over to be decoded have
** their first token while they wait. */
static inline orc_step_requests orc_replica_requests(const orc_replica *r, const orc_microbatch *m)
{
  const int64_t all = orc_replica_in_flight(r);
  int64_t decoding = 0;
  for (int i = 0; i < r->microbatch_count; i++)
    decoding += r->microbatches[i].decode.n;
  if (r->role == ORC_ROLE_DECODE) return (orc_step_requests){ .answered = all };
  return (orc_step_requests){ .answered = m->decode.n, .waiting = all - decoding };
}

/* Devices it runs on. */
static inline int orc_replica_devices(const orc_replica *r)
{
  return r->cost->layout.tensor_parallel_size * r->pipeline.count;
}

/* Whether a step is running in some microbatch. */
static inline bool orc_replica_busy(const orc_replica *r)
{
  for (int i = 0; i < r->microbatch_count; i++)
    if (r->microbatches[i].busy) return true;
  return false;
}

/* Whether a step could be formed now. */
static inline bool orc_replica_idle(const orc_replica *r)
{
  for (int i = 0; i < r->microbatch_count; i++)
    if (!r->microbatches[i].busy) return true;
  return false;
}

/* Whether a step is formed while another runs, one microbatch or not: by the rules of the engine,
** where steps are the replica's own and their ends known. */
static inline bool orc_replica_ahead(const orc_replica *r)
{
  return r->knobs.rules.schedules_ahead && r->microbatch_count == 1 && !r->lockstep &&
         !r->stepwise && r->contended == NULL && r->role == ORC_ROLE_ALL;
}

/* Whether a step in flight ends at `now` and is not over yet: what it gives was carried out when it was
** formed, and never comes if the replica fails or a client leaves before. */
static inline bool orc_replica_lands(const orc_replica *r, orc_time now)
{
  return r->flights > 0 && r->flight[0].end <= now;
}

/* Whether its sequences verify draft tokens. */
static inline bool orc_replica_verifies(const orc_replica *r)
{
  return r->knobs.speculation.tokens > 0;
}

/* Whether LoRA adapters are served. */
static inline bool orc_replica_adapts(const orc_replica *r)
{
  return r->knobs.lora.adapters > 0;
}

/* Whether steps that only decode differ in more than how many sequences and tokens of context they
** have: then none is part of a run. */
static inline bool orc_replica_steps_differ(const orc_replica *r)
{
  return orc_replica_verifies(r) || orc_replica_adapts(r);
}

/* Tokens that blocks are held for where `tokens` of a request are to be there and `drafts` that may
** be: no more than the longest length. */
static inline int64_t orc_replica_slots(const orc_replica *r, int64_t tokens, int64_t drafts)
{
  if (!orc_replica_verifies(r)) return tokens;
  const int64_t slots = tokens + drafts + r->knobs.speculation.lookahead;
  const int64_t most = r->knobs.max_model_len;
  if (slots <= most) return slots;
  return tokens > most ? tokens : most;
}

/* Drafts that a sequence may have in steps at a time. */
static inline int64_t orc_replica_drafts_most(const orc_replica *r)
{
  return (orc_replica_ahead(r) ? 2 : 1) * (int64_t)r->knobs.speculation.tokens;
}

/* When a step that is formed now can start: now, or when those in flight are over (ns). */
static inline orc_time orc_replica_next_start(const orc_replica *r)
{
  return r->flights > 0 ? r->flight[r->flights - 1].end : r->now;
}

/* Tokens in steps that are scheduled and not over, at most. */
static inline int64_t orc_replica_in_flight_most(const orc_replica *r)
{
  const int64_t steps = orc_replica_ahead(r) ? 2 : r->microbatch_count;
  return steps * r->knobs.max_num_batched_tokens;
}

/* Whether a request is too long for this replica, whatever else it does. */
bool orc_replica_never_fits(const orc_replica *r, const orc_request *q);

/* Form a step at `time` (ns) if one can be formed then; the earliest call wins. */
void orc_replica_wake_at(orc_replica *r, orc_time time);

/* Something outside changed: the policy is asked again at its next step, which an idle replica with
** requests begins now. Between events only. */
void orc_replica_disturb(orc_replica *r);

#endif
