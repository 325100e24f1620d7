#include "sim/engine.h"

void orc_engine_done(orc_engine *e)
{
  orc_heap_done(&e->shared);
  orc_heap_done(&e->local);
}

void orc_engine_on(orc_engine *e, uint32_t kind, orc_handler *fire, void *self)
{
  ORC_ASSERT(kind < ORC_KINDS && e->handlers[kind].fire == NULL);
  e->handlers[kind].fire = fire;
  e->handlers[kind].self = self;
}

static orc_event event(orc_time time, orc_class class, uint64_t key, uint32_t kind, uint32_t subject)
{
  ORC_ASSERT(key < (uint64_t)1 << 56 && kind < ORC_KINDS);
  return (orc_event){
    .time = time, .order = (uint64_t)class << 56 | key, .kind = kind, .subject = subject
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
  orc_heap_push(&e->shared, event(time, class, key, kind, subject));
}

void orc_engine_at_local(orc_engine *e, orc_time time, orc_class class, uint64_t key, uint32_t kind,
                         uint32_t subject)
{
  ORC_ASSERT(time >= e->now);
  orc_heap_push(&e->local, event(time, class, key, kind, subject));
}

static bool before(const orc_event *a, const orc_event *b)
{
  return a->time != b->time ? a->time < b->time : a->order < b->order;
}

/* The queue that holds the next event; NULL when both are empty. */
static const orc_heap *first(const orc_engine *e)
{
  const orc_event *s = orc_heap_top(&e->shared), *l = orc_heap_top(&e->local);
  if (s == NULL) return l == NULL ? NULL : &e->local;
  return l != NULL && before(l, s) ? &e->local : &e->shared;
}

orc_time orc_engine_next(const orc_engine *e)
{
  const orc_heap *h = first(e);
  return h == NULL ? ORC_NEVER : orc_heap_top(h)->time;
}

orc_time orc_engine_horizon(const orc_engine *e)
{
  if (e->coupled) return orc_engine_next(e);
  const orc_event *s = orc_heap_top(&e->shared);
  return s == NULL ? ORC_NEVER : s->time;
}

void orc_engine_step(orc_engine *e)
{
  const orc_heap *h = first(e);
  ORC_ASSERT(h != NULL);
  const orc_event v = orc_heap_pop(h == &e->local ? &e->local : &e->shared);
  ORC_ASSERT(v.time >= e->now);
  e->now = v.time;
  e->executed++;
  e->handlers[v.kind].fire(e->handlers[v.kind].self, v.subject);
}

bool orc_engine_comes_before_steps(const orc_engine *e, orc_time time)
{
  const orc_event *s = orc_heap_top(&e->shared);
  return s != NULL && s->time <= time && s->order >> 56 < ORC_CLASS_STEP;
}
