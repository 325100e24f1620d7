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

/* Lengths that a function may give. */
typedef enum orc_length {
  ORC_LENGTH_PROMPT,
  ORC_LENGTH_OUTPUT,
  ORC_LENGTH_INPUT, /* what a later turn of a session adds */
  ORC_LENGTH_BOTH,  /* prompt and output, or what a later turn adds and its output, at once */
  ORC_LENGTHS       /* how many there are */
} orc_length;

/* The request whose lengths a function gives. */
typedef struct orc_length_of {
  int64_t number; /* from 1: POISSON to CONSTANT, RENEWAL and BATCH in order of arrival; CLOSED_LOOP
                     the rounds of all clients one after the other; a later turn: of its session's first;
                     of a pool: which prompt of it */
  double time;    /* s: its arrival; 0 of a pool */
  orc_rng *rng;   /* the request's own stream */
} orc_length_of;

/* What functions give in place of distributions and of stages. */
typedef struct orc_given {
  void *self;
  unsigned lengths; /* 1 << orc_length, added */
  /* Tokens, 1 to 2^30 - 1, into *prompt (PROMPT, INPUT), *output (OUTPUT, which finds the prompt in *prompt), or
     both. False with *e. */
  bool (*length)(void *self, orc_length which, const orc_length_of *of, int32_t *prompt,
                 int32_t *output, orc_error *e);
  /* Requests/s at a time in s, 0 to rate_max. False with *e. NULL: stages; else POISSON alone. */
  bool (*rate)(void *self, double time, double *rate, orc_error *e);
  double rate_max; /* requests/s, > 0 */
  void (*done)(void *self);
} orc_given;

/* Requests drawn from distributions. */
typedef struct orc_synthetic {
  orc_process process;
  uint64_t seed;
  uint16_t profile;       /* index of the profile; its streams are keyed by it */
  double cv;              /* GAMMA: coefficient of variation of the gaps, > 0 */
  orc_rate_stage *stages; /* owned; POISSON, GAMMA, CONSTANT, without given.rate */
  int stage_count;
  orc_dist gap;            /* RENEWAL: s between two arrivals */
  int64_t count;           /* requests in all; INT64_MAX: no bound */
  double duration;         /* s; no arrival at or after it; INFINITY: no bound */
  int32_t concurrency;     /* CLOSED_LOOP: clients, >= 1 */
  orc_dist think;          /* CLOSED_LOOP: s between an answer and the next request; constant 0 */
  orc_dist prompt, output; /* tokens */
  orc_given given;         /* owned */
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
