/*
** source.h - where requests come from: streams of arrivals in order of time, drawn one at a time.
*/
#ifndef ORC_SERVE_SOURCE_H
#define ORC_SERVE_SOURCE_H

#include "base/base.h"
#include "base/dist.h"
#include "base/rng.h"
#include "serve/content.h"
#include "serve/request.h"

/*
** A stream of arrivals. `next` gives the following one: false with e->code 0 when there is none,
** with e->code set when it cannot be read. `follow`, where there is one, is asked at each end of a
** request of this source: true when its client sends another (at out->time >= now).
*/
typedef struct orc_source {
  void *self;
  bool (*next)(void *self, orc_arrival *out, orc_error *e);
  bool (*follow)(void *self, const orc_request *r, orc_time now, orc_arrival *out);
  void (*done)(void *self);
  orc_contents *contents; /* its own; what `content` of its arrivals counts in; NULL: all are 0 */
} orc_source;

typedef enum orc_process {
  ORC_PROCESS_POISSON,     /* exponential gaps */
  ORC_PROCESS_GAMMA,       /* gamma gaps with a coefficient of variation */
  ORC_PROCESS_CONSTANT,    /* evenly spaced */
  ORC_PROCESS_BATCH,       /* all at time 0 */
  ORC_PROCESS_CLOSED_LOOP, /* `concurrency` clients, each waits for its answer */
} orc_process;

/* A span of time with its own rate. */
typedef struct orc_load_stage {
  double rate;     /* requests/s, > 0 */
  double duration; /* s, > 0; the last may be unbounded: INFINITY */
} orc_load_stage;

/* Requests drawn from distributions. */
typedef struct orc_synthetic {
  orc_process process;
  uint64_t seed;
  uint16_t profile;       /* index of the profile; its streams are keyed by it */
  double cv;              /* GAMMA: coefficient of variation of the gaps, > 0 */
  orc_load_stage *stages; /* owned; POISSON, GAMMA, CONSTANT */
  int stage_count;
  int64_t count;           /* requests in all; INT64_MAX: no bound */
  double duration;         /* s; no arrival at or after it; INFINITY: no bound */
  int32_t concurrency;     /* CLOSED_LOOP: clients, >= 1 */
  orc_dist think;          /* CLOSED_LOOP: s between an answer and the next request; constant 0 */
  orc_dist prompt, output; /* tokens */
  orc_dist priority;
  bool has_priority;
  double timeout;            /* s; INFINITY: never */
  double cancel_probability; /* share of requests their client cancels */
  orc_dist cancel_after;     /* s from arrival */
} orc_synthetic;

/* A source of such requests; takes over what *s owns. */
orc_source orc_source_synthetic(const orc_synthetic *s);

/* How a trace is read. */
typedef struct orc_trace_options {
  double scale;    /* arrivals come this many times faster, > 0; 1 */
  double from, to; /* window of the trace in its own seconds from its first row; 0, INFINITY */
  int64_t count;   /* at most so many requests; INT64_MAX */
  double timeout;  /* s; INFINITY: never */
  uint16_t profile;
} orc_trace_options;

/*
** Requests of a trace file, plain or .gz, read as a stream; the format is told from the header.
** Every row is checked; the first bad one ends the source with file, line and field in the error.
** False when the file cannot be opened or its header is unknown.
*/
bool orc_source_trace(orc_source *out, const char *path, const orc_trace_options *o, orc_error *e);

#endif
