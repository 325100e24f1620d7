#include "sim/engine.h"

void orc_engine_done(orc_engine *e)
{
  orc_ladder_done(&e->shared);
  orc_ladder_done(&e->local);
}

void orc_engine_on(orc_engine *e, uint32_t kind, orc_handler *fire, void *self)
{
  ORC_ASSERT(kind < ORC_KINDS && e->handlers[kind].fire == NULL);
  e->handlers[kind].fire = fire;
  e->handlers[kind].self = self;
}

static orc_event event(orc_time time, orc_class class, uint64_t key, uint32_t kind,
                       uint32_t subject)
{
  ORC_ASSERT(key < (uint64_t)1 << 56 && kind < ORC_KINDS);
  return (orc_event){
    .time = time, .order = (uint64_t) class << 56 | key, .kind = kind, .subject = subject
  };
}

void orc_engine_at(orc_engine *e, orc_time time, orc_class class, uint32_t kind, uint32_t subject)
{
  orc_engine_at_key(e, time, class, e->sequence++, kind, subject);
}

void orc_engine_at_key(orc_engine *e, orc_time time, orc_class class, uint64_t key, uint32_t kind,
                       uint32_t subject)
{
  ORC_ASSERT(time >= e->now);
  orc_ladder_push(&e->shared, event(time, class, key, kind, subject));
}

void orc_engine_at_local(orc_engine *e, orc_time time, orc_class class, uint64_t key, uint32_t kind,
                         uint32_t subject)
{
  ORC_ASSERT(time >= e->now);
  orc_ladder_push(&e->local, event(time, class, key, kind, subject));
}

/* The queue that holds the next event; any of the two when both are empty. */
static orc_ladder *first(orc_engine *e)
{
  return orc_ladder_key(&e->local) < orc_ladder_key(&e->shared) ? &e->local : &e->shared;
}

uint32_t orc_engine_next_kind(const orc_engine *e)
{
  const orc_ladder *q =
      orc_ladder_key(&e->local) < orc_ladder_key(&e->shared) ? &e->local : &e->shared;
  return orc_ladder_top(q).kind;
}

void orc_engine_step(orc_engine *e)
{
  const orc_event v = orc_ladder_pop(first(e));
  ORC_ASSERT(v.time >= e->now);
  e->now = v.time;
  e->executed++;
  if (v.order >> 56 == ORC_CLASS_STEP)
    orc_engine_note_step(e, v.time, v.order & (((uint64_t)1 << 56) - 1));
  e->handlers[v.kind].fire(e->handlers[v.kind].self, v.subject);
}
