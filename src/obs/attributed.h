/*
** attributed.h - the time of one request laid to what it went into, and clocks: running sums of what
** time was to all requests that wait, or decode, alike. A request goes by a clock for a while; what
** the clock showed meanwhile is its own then. Times in ns.
*/
#ifndef ORC_OBS_ATTRIBUTED_H
#define ORC_OBS_ATTRIBUTED_H

#include "base/base.h"
#include "obs/delays.h"

enum { ORC_ATTRIBUTED_STEPS = 4 }; /* that can be taken back when a request ends within them */

/* What passed from `start` to `end`, which *of adds up to. */
typedef struct orc_attributed_span {
  orc_time start, end;
  orc_delays of;
} orc_attributed_span;

/* A running sum of what time was to all requests of one kind. */
typedef struct orc_delay_clock {
  orc_time until; /* ns */
  orc_delays sum;
  orc_attributed_span newest[ORC_ATTRIBUTED_STEPS]; /* by count % ORC_ATTRIBUTED_STEPS */
  uint64_t count;
} orc_delay_clock;

/* How the time after `until` is told. */
typedef enum orc_attributed_mode {
  ORC_ATTRIBUTED_APART,  /* by whoever has the request */
  ORC_ATTRIBUTED_CAME,   /* it waits; no step has been formed since it came */
  ORC_ATTRIBUTED_WAITS,  /* by its replica's queue clock */
  ORC_ATTRIBUTED_STEP,   /* a chunk of it runs */
  ORC_ATTRIBUTED_DECODES /* by its microbatch's clock */
} orc_attributed_mode;

/* A request in flight. */
typedef struct orc_attributed {
  orc_time until;
  orc_delays all, first; /* from its sending until then; until its first token */
  orc_delays mark;       /* the clock when the mode began */
  orc_attributed_span newest[ORC_ATTRIBUTED_STEPS];
  uint64_t count;
  uint8_t mode; /* orc_attributed_mode */
  bool again;   /* it was preempted or lost, and is not back where it was */
} orc_attributed;

/* From x->until to `end`, which *of adds up to; nothing where that is not later. While x->again waiting
** counts as preemption. */
void orc_attributed_spend_on(orc_attributed *x, orc_time end, const orc_delays *of);

/* The same, all of it for one thing. */
void orc_attributed_spend(orc_attributed *x, orc_time end, orc_delay what, orc_binding by);

/* It ends at `end` already: what was laid to the time after it never was. Where that is more than the
** newest ORC_ATTRIBUTED_STEPS spans, all that was before them shrinks alike. */
void orc_attributed_cut(orc_attributed *x, orc_time end);

/* What a clock showed since x->mark was taken is the request's, up to where the clock is. */
void orc_attributed_settle(orc_attributed *x, const orc_delay_clock *c);

/* The clock goes on to `end`, which *of adds up to; or all of that is one thing. */
void orc_delay_clock_tick(orc_delay_clock *c, orc_time end, const orc_delays *of);
void orc_delay_clock_tick_plain(orc_delay_clock *c, orc_time end, orc_delay what, orc_binding by);

#endif
