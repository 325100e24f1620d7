/*
** attribution.h - the time of each request, from its client's sending to its end, laid to what it
** waited for or was worked on (obs/delays.h), whole and to the nanosecond. It watches the step loop
** and never decides: a run is the same with it and without, but each step is stepped.
**
** Requests that decode, and those that wait, are many and alike: a replica keeps running sums of what
** its steps are to them, as clocks, and a request remembers where these stood when it came. So a step
** costs the same however many there are. Every function returns at once where nothing is attributed.
*/
#ifndef ORC_REPLICA_ATTRIBUTION_H
#define ORC_REPLICA_ATTRIBUTION_H

#include "obs/attributed.h"
#include "replica/server.h"
#include "replica/step_delays.h"

/* A replica's. */
struct orc_replica_delays {
  orc_delay_clock queue;
  orc_delay_clock *decodes; /* [microbatches] */
  orc_step_delays *steps;   /* [microbatches] the running ones */
  orc_step_delays last;     /* that began last, of any */
  orc_slot *came;           /* requests that came since a step was formed */
  int came_count, came_room;
  orc_delay reason; /* why those that wait do, since the last step was formed */
  bool refused;     /* `reason` was told while it was formed */
};

/* A request whose delays were asked for, once it has ended. */
typedef struct orc_attributed_end {
  orc_record record;
  orc_delays ttft, e2e; /* all 0 where it has none */
} orc_attributed_end;

/* Sums over requests, ns. */
typedef struct orc_delay_sums {
  double at[ORC_DELAYS], by[ORC_BINDINGS];
  uint64_t count;
} orc_delay_sums;

/* All of a simulation. */
struct orc_attribution {
  orc_attributed *at; /* [room] by slot */
  uint32_t room;
  const uint64_t *wanted; /* [wanted_count] numbers of requests, ascending; not owned */
  uint64_t wanted_count;
  orc_attributed_end *ends; /* [wanted_count] */
  uint64_t end_count;
  orc_delay_sums ttft, e2e; /* over all counted requests that have one */
  uint64_t wrong;           /* requests whose delays did not add up: none, says a law */
};

orc_attribution *orc_attribution_new(const uint64_t *wanted, uint64_t count);
void orc_attribution_free(orc_attribution *a); /* NULL is allowed */

/* Of a replica that has just been set up, if its host wants it; before it is done. */
void orc_attribution_start(orc_replica *r);
void orc_attribution_done(orc_replica *r);

/* ---- requests; times in ns ---- */

/* It is there, at `now`. */
void orc_attribution_arrived(orc_attribution *a, const orc_request *q, orc_slot slot, orc_time now);

/* Until `now` it was apart, which is laid to `what`. */
void orc_attribution_apart(orc_attribution *a, orc_slot slot, orc_time now, orc_delay what,
                           orc_binding by);

/* It waits on a replica from `now` on; until then no replica was ready for it. */
void orc_attribution_waits(orc_replica *r, orc_slot slot, orc_time now);

/* It leaves the queue as a step is formed. */
void orc_attribution_sets_out(orc_replica *r, orc_slot slot);

/* It waits again, preempted as a step is formed. */
void orc_attribution_preempted(orc_replica *r, orc_slot slot);

/* Its replica failed at `now`. */
void orc_attribution_lost(orc_replica *r, orc_slot slot, orc_time now);

/* Before it leaves the decode set of its microbatch. */
void orc_attribution_stops(orc_replica *r, orc_slot slot);

/* Its prompt is computed, and its first token, where it had none, is there. */
void orc_attribution_answers(orc_replica *r, orc_slot slot, bool first);

/* It decodes from now on. */
void orc_attribution_decodes(orc_replica *r, orc_slot slot);

/* It ended: what its record says is what its delays add up to. */
void orc_attribution_ended(orc_attribution *a, const orc_replica *r, orc_slot slot,
                           const orc_record *record, orc_time delay);

/* ---- steps of a replica ---- */

/* A step is being formed; one was, in `m`; it starts; it is over at `end`, before its requests know. */
void orc_attribution_forms(orc_replica *r);
void orc_attribution_formed(orc_replica *r, const orc_microbatch *m);
void orc_attribution_begins(orc_replica *r, const orc_microbatch *m, orc_time start);
void orc_attribution_ends(orc_replica *r, const orc_microbatch *m, orc_time end);

/* Of that step, the chunk of a request; before its tokens count. */
void orc_attribution_chunk(orc_replica *r, const orc_microbatch *m,
                           const orc_microbatch_chunk *chunk, orc_time end);

/* Why the first in the queue was not admitted while a step is formed; the first reason stands. */
static inline void orc_attribution_refuse(orc_replica *r, orc_delay why)
{
  if (r->delays == NULL || r->delays->refused) return;
  r->delays->reason = why;
  r->delays->refused = true;
}

#endif
