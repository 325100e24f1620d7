/*
** pipeline.h - the stages of a replica as resources: each works through the steps of the
** microbatches in the order they were started, and sends its activations on to the next.
*/
#ifndef ORC_DEVICE_PIPELINE_H
#define ORC_DEVICE_PIPELINE_H

#include "base/base.h"
#include "cost/step.h"
#include "cost/time_split.h"
#include "device/layered.h"

/* A formed step, as devices see it. */
typedef struct orc_device_step {
  orc_step_shape shape;
  double moving; /* s before it in which KV blocks go to or come from the host, and adapters come */
  double fetching; /* s in which blocks come back from lower tiers: */
  double drafting; /* s after it on the last stage in which the next draft tokens are proposed */
  bool layerwise;  /* each layer's behind the compute of the one before; else all before it */
} orc_device_step;

/* Costs of decode steps that a stage keeps: those of n sequences are at n % ORC_PREPARED. */
enum { ORC_PREPARED = 256 };

/*
** Steps in a row, or with others between them, in which n sequences decode: their work is counted
** when n changes. Whole numbers only, so that runs and single steps come to the same.
*/
typedef struct orc_decode_span {
  int64_t n, steps;
  int64_t context, window; /* tokens of KV read in all (see orc_step_decode) */
  orc_time time;           /* ns they took */
} orc_decode_span;

/* What the steps of a stage cost: the same for all servers of one kind, which may keep it together. */
typedef struct orc_pipe_cost {
  orc_step_cost cost;                          /* of its layers */
  orc_decode_cost *prepared;                   /* [ORC_PREPARED] */
  double token_flops, token_bytes, step_bytes; /* of decode steps without context, where work is
                                                  linear in tokens: not where there are experts */
} orc_pipe_cost;

typedef struct orc_pipe_stage {
  orc_pipe_cost *of;
  orc_step_cost *cost;       /* of->cost */
  orc_group next;            /* the way to the next stage: latency, bandwidth; unused on the last */
  const int *devices;        /* [ranks] their nodes in the network; NULL: there is none */
  int hub;                   /* the switch that adds up for them; -1: none */
  orc_layered layered;       /* its devices, at the high level of detail */
  orc_time free;             /* when it has done all steps started so far */
  orc_time begun;            /* when it began the last of them */
  orc_time busy;             /* ns at work on them */
  double flops, bytes;       /* work of one of its GPUs so far: FLOP, B of memory */
  orc_time_split split;      /* where the time of its steps went, but for: */
  orc_decode_span *decoded;  /* [decoded_room] those that only decode, by n % decoded_room */
  int decoded_room;          /* grows with n, to ORC_PREPARED */
  double joules, peak_watts; /* of one of its GPUs at work: beyond what it idles at; the most a step
                                drew on average */
} orc_pipe_stage;

typedef struct orc_pipeline {
  orc_pipe_stage *stages;
  int count;          /* >= 1 */
  double token_bytes; /* B of activations that one token sends to the next stage, per rank */
} orc_pipeline;

/*
** What the stages of a prepared deployment cost, [pipeline_parallel_size of its layout].
**   cost     of the whole model; its layout says how many stages and which layers each has
**   stages   of the whole model on the hardware of each stage; NULL: all as cost
*/
orc_pipe_cost *orc_pipe_costs_new(const orc_step_cost *cost, const orc_step_cost *stages);
void orc_pipe_costs_free(orc_pipe_cost *costs); /* NULL is allowed */

/* The stages of a deployment of these costs, which outlive it, idle. Between stages lies the hardware's
** peer link. */
void orc_pipeline_init(orc_pipeline *p, orc_pipe_cost *costs);
void orc_pipeline_done(orc_pipeline *p);

/*
** A step enters stage `index` at `ready` (ns) and needs `seconds` there; it begins when the stage
** has done what came before. Returns when it is over, at least 1 ns later.
*/
static inline orc_time orc_pipeline_pass(orc_pipeline *p, int index, orc_time ready, double seconds)
{
  orc_pipe_stage *s = &p->stages[index];
  orc_time time = orc_time_of(seconds);
  if (time < 1) time = 1; /* a step without cost must not stop the clock */
  const orc_time start = ready > s->free ? ready : s->free;
  s->begun = start;
  s->free = orc_time_after(start, time);
  s->busy += s->free - start;
  return s->free;
}

/* Note the work of steps: FLOP and B of one GPU in so many seconds. A CONSTANT cost, which knows
** neither, is work at full power. */
void orc_pipeline_worked(orc_pipe_stage *s, double flops, double bytes, double seconds);

/* The same of any step, and where its time goes. */
static inline void orc_pipeline_stepped(orc_pipe_stage *s, const orc_step_time *t)
{
  orc_time_split_add(&s->split, t, 1.0);
  orc_pipeline_worked(s, t->flops, t->bytes, t->total);
}

/* The same of the steps of a span. */
void orc_pipeline_decoded(orc_pipe_stage *s, const orc_decode_span *span);

/* Their work alone: where the time goes is left as it is. */
void orc_pipeline_decode_work(orc_pipe_stage *s, const orc_decode_span *span);

/* Where the time of a stage's steps went, those of decodes included. */
orc_time_split orc_pipeline_split(const orc_pipe_stage *s);

/* Add that of a span that was not given to orc_pipeline_decoded. */
void orc_pipeline_split_decodes(const orc_pipe_stage *s, const orc_decode_span *span,
                                orc_time_split *into);

/* The prepared cost of steps in which n sequences decode, at `context` tokens of KV in all; valid
** until the next call. */
static inline const orc_decode_cost *orc_pipeline_prepared(orc_pipe_stage *s, int64_t n,
                                                           int64_t context)
{
  orc_decode_cost *kept = &s->of->prepared[(uint64_t)n % ORC_PREPARED];
  if (kept->n != n || context < kept->from || context >= kept->until)
    *kept = orc_step_prepare_decode_at(s->cost, n, context);
  return kept;
}

/* Add steps to the span, which is counted before if it is of another n. */
static inline void orc_pipeline_decode(orc_pipe_stage *s, orc_decode_span *span,
                                       const orc_decode_span *more)
{
  if (span->n != more->n) {
    orc_pipeline_decoded(s, span);
    *span = (orc_decode_span){ .n = more->n };
  }
  span->steps += more->steps;
  span->context += more->context;
  span->window += more->window;
  span->time = orc_time_after(span->time, more->time); /* at the end of the clock: no later */
}

/*
** Seconds that a step of `compute` s on a stage takes longer because KV blocks move and come back
** for it. Layer by layer, the load of one goes behind the compute of the one before (SGLang
** HiCache: docs.sglang.io, "HiCache System Design and Optimization", 2025, compute-transfer overlap): the
** first layer waits for its own load, and then whichever is slower decides.
*/
double orc_pipeline_blocks_time(const orc_pipe_stage *s, const orc_device_step *step,
                                double compute);

/*
** Seconds that the activations of `tokens` tokens take from a stage to the next: every rank sends
** them whole to its peer (Narayanan et al., SC 2021, arXiv:2104.04473, section 2.2, without their
** scatter/gather optimisation).
*/
double orc_pipeline_send_time(const orc_pipeline *p, int index, int64_t tokens);

#endif
