/*
** synthetic.h - requests drawn from distributions, by a point process or by waiting clients, alone
** or in sessions.
*/
#ifndef ORC_WORKLOAD_SYNTHETIC_H
#define ORC_WORKLOAD_SYNTHETIC_H

#include "base/base.h"
#include "base/dist.h"
#include "workload/prompt_mix.h"
#include "workload/session.h"
#include "workload/source.h"

typedef enum orc_process {
  ORC_PROCESS_POISSON,     /* exponential gaps */
  ORC_PROCESS_GAMMA,       /* gamma gaps with a coefficient of variation */
  ORC_PROCESS_CONSTANT,    /* evenly spaced */
  ORC_PROCESS_BATCH,       /* all at time 0 */
  ORC_PROCESS_CLOSED_LOOP, /* `concurrency` clients, each waits for its answer */
  ORC_PROCESS_RENEWAL,     /* gaps of any distribution */
  ORC_PROCESSES            /* how many there are */
} orc_process;

/*
** The process of that name into *process: "exponential", "gamma", "even", "at_once", "clients",
** "drawn"; false, *process untouched, where there is none.
*/
bool orc_process_find(const char *name, orc_process *process);

/* A span of time with its own rate. */
typedef struct orc_rate_stage {
  double rate;     /* requests/s, > 0 */
  double duration; /* s, > 0; the last may be unbounded: INFINITY */
} orc_rate_stage;

/* Requests drawn from distributions. */
typedef struct orc_synthetic {
  orc_process process;
  uint64_t seed;
  uint16_t profile;       /* index of the profile; its streams are keyed by it */
  double cv;              /* GAMMA: coefficient of variation of the gaps, > 0 */
  orc_rate_stage *stages; /* owned; POISSON, GAMMA, CONSTANT */
  int stage_count;
  orc_dist gap;            /* RENEWAL: s between two arrivals */
  int64_t count;           /* requests in all; INT64_MAX: no bound */
  double duration;         /* s; no arrival at or after it; INFINITY: no bound */
  int32_t concurrency;     /* CLOSED_LOOP: clients, >= 1 */
  orc_dist think;          /* CLOSED_LOOP: s between an answer and the next request; constant 0 */
  orc_dist prompt, output; /* tokens */
  orc_prompt_mix prompt_mix;
  orc_session_plan session;
  double streaming; /* share of the requests whose answer is streamed */
  orc_dist priority;
  bool has_priority;
  double timeout;            /* s; INFINITY: never */
  double cancel_probability; /* share of requests their client cancels */
  orc_dist cancel_after;     /* s from arrival */
} orc_synthetic;

/* Free what *s owns. */
void orc_synthetic_done(orc_synthetic *s);

/* A source of such requests; takes over what *s owns. */
orc_source orc_source_synthetic(const orc_synthetic *s);

#endif
