/*
** source.h - where requests come from: streams of arrivals in order of time, drawn one at a time.
*/
#ifndef ORC_WORKLOAD_SOURCE_H
#define ORC_WORKLOAD_SOURCE_H

#include "base/base.h"
#include "workload/adapter_mix.h"
#include "workload/arrival.h"
#include "workload/outcome.h"
#include "workload/prompt.h"

/* No arrival comes later, in s: the clock's int64 ns end at 9.2e9. */
#define ORC_SOURCE_LATEST 9.0e9

/*
** A stream of arrivals. `next` gives the following one: false with e->code 0 when there is none,
** with e->code set when it cannot be read. `follow`, where there is one, is asked at each end of a
** request of this source: true when its client sends another (at out->time
** >= of->ended), false with e->code as for `next`.
*/
typedef struct orc_source {
  void *self;
  bool (*next)(void *self, orc_arrival *out, orc_error *e);
  bool (*follow)(void *self, const orc_outcome *of, orc_arrival *out, orc_error *e);
  void (*done)(void *self);
  bool open; /* others send its requests too (cluster/control.h), also after `next` had none */
  orc_prompts *prompts; /* its own; what `prompt_id` of its arrivals counts in; NULL: all are 0 */
  orc_adapter_mix adapters; /* its own: freed beside `done` */
  const char *note;         /* what a result must say of it; its own; NULL or "": nothing */
} orc_source;

#endif
