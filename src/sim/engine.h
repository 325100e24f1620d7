/*
** engine.h - the clock and the event loop.
**
** Two queues share one total order (time, class, key): `shared` holds events that may touch
** anything (arrivals, time-outs, transfers), `local` those that touch one replica alone. A replica
** may therefore run ahead of the clock up to the next event that could concern it: its horizon.
*/
#ifndef ORC_SIM_ENGINE_H
#define ORC_SIM_ENGINE_H

#include "base/base.h"
#include "base/ladder.h"

/* At one instant, classes go in this order: a step sees the request that arrived at the moment it starts. */
typedef enum orc_class {
  ORC_CLASS_TRANSFER, /* data comes in */
  ORC_CLASS_ARRIVAL,  /* requests come in */
  ORC_CLASS_TIMER,    /* time-outs, cancellations, samples */
  ORC_CLASS_STEP,     /* steps end and begin */
} orc_class;

enum { ORC_KINDS = 16 }; /* kinds of events an engine can tell apart */

typedef void orc_handler(void *self, uint32_t subject);

typedef struct orc_engine {
  orc_time now;      /* of the event being handled; never falls */
  uint64_t executed; /* events handled */
  uint64_t sequence; /* for events that do not bring a key of their own */
  orc_time stepped;  /* when a step last ended or began, */
  uint64_t step_key; /* and the greatest key of those at that time */
  orc_ladder shared, local;
  struct {
    orc_handler *fire;
    void *self;
  } handlers[ORC_KINDS];
  bool coupled; /* events of one replica may touch another: no run passes any event */
} orc_engine;

/* An engine is all zeroes at first; done frees its queues. */
void orc_engine_done(orc_engine *e);

/* What happens at events of `kind` (0 .. ORC_KINDS - 1). Set once, before the first such event. */
void orc_engine_on(orc_engine *e, uint32_t kind, orc_handler *fire, void *self);

/*
** Put an event on the shared queue (`_local`: the local one) at `time` >= now. Events equal in time
** and class go in the order of `key` (< 2^56); `orc_engine_at` numbers them first in, first out.
*/
void orc_engine_at(orc_engine *e, orc_time time, orc_class class, uint32_t kind, uint32_t subject);
void orc_engine_at_key(orc_engine *e, orc_time time, orc_class class, uint64_t key, uint32_t kind,
                       uint32_t subject);
void orc_engine_at_local(orc_engine *e, orc_time time, orc_class class, uint64_t key, uint32_t kind,
                         uint32_t subject);

/* Time of the next event, ORC_NEVER when none is pending. */
static inline orc_time orc_engine_next(const orc_engine *e)
{
  const orc_time shared = orc_ladder_time(&e->shared), local = orc_ladder_time(&e->local);
  return local < shared ? local : shared;
}

/* The time of the next event that may concern a replica now running: strictly before it, the
** replica is on its own. ORC_NEVER when nothing is pending. */
static inline orc_time orc_engine_horizon(const orc_engine *e)
{
  return e->coupled ? orc_engine_next(e) : orc_ladder_time(&e->shared);
}

/* Whether a shared event is pending for `time` or before that goes before the steps of `time`. */
static inline bool orc_engine_comes_before_steps(const orc_engine *e, orc_time time)
{
  return orc_ladder_key(&e->shared) < orc_event_key_of(time, (uint64_t)ORC_CLASS_STEP << 56);
}

/* A step of this key ends or begins at `time`, by an event or ahead of it. */
static inline void orc_engine_note_step(orc_engine *e, orc_time time, uint64_t key)
{
  e->step_key = e->stepped == time && e->step_key > key ? e->step_key : key;
  e->stepped = time;
}

/* Whether a step that ends now and has this key has had its turn, for one that goes after it has. */
static inline bool orc_engine_is_past(const orc_engine *e, uint64_t key)
{
  return e->stepped == e->now && key < e->step_key;
}

/* The kind of the next event. Precondition: one is pending. */
uint32_t orc_engine_next_kind(const orc_engine *e);

/* Handle the next event: the clock moves to it first. Precondition: one is pending. */
void orc_engine_step(orc_engine *e);

#endif
