#include "sim/des.h"

#include <stdlib.h>

/* At one instant starts and interrupts go before what happens. Above the sequence in the key. */
static const uint64_t URGENT = 0, NORMAL = (uint64_t)1 << 48;

/* What a slot is there for. */
typedef enum task {
  FREE,
  HELD,      /* it keeps an object; no entry of the queue leads here */
  DEAD,      /* what the entry of the queue stood for is no more */
  HAPPEN,    /* event `what` happens */
  START,     /* process `what` starts */
  WAKE,      /* process `what` has slept */
  INTERRUPT, /* process `what` is interrupted */
} task;

typedef struct orc_des_slot {
  void *what;
  uint32_t next; /* FREE: the next free one; INTERRUPT: the one of the same process before */
  uint8_t task;
} slot;

static uint32_t take_slot(orc_des *env, task t, void *what)
{
  uint32_t i = env->slot_free;
  if (i != 0) {
    env->slot_free = env->slots[i].next;
  } else {
    if (env->slot_count == env->slot_room) {
      env->slot_room = orc_more_room(env->slot_room, 64);
      env->slots = orc_resize(env->slots, env->slot_room, sizeof *env->slots);
      if (env->slot_count == 0) env->slot_count = 1; /* number 0 is none */
    }
    i = env->slot_count++;
  }
  env->slots[i] = (slot){ .what = what, .task = (uint8_t)t };
  return i;
}

static void give_slot(orc_des *env, uint32_t i)
{
  env->slots[i] = (slot){ .next = env->slot_free, .task = FREE };
  env->slot_free = i;
}

/* The environment holds an object no longer. */
static void let_go(orc_des_event *e)
{
  const uint32_t i = e->slot;
  if (i == 0) return;
  e->slot = 0;
  give_slot(e->env, i);
  e->env->host.release(e->env->host.self, i);
}

static void queue(orc_des *env, orc_time time, uint64_t priority, uint32_t i)
{
  orc_engine *engine = env->engine;
  orc_engine_at_key(engine, time, ORC_CLASS_TIMER, priority | engine->sequence++, env->kind, i);
}

static void hold(orc_des_event *e, task t)
{
  if (e->slot == 0)
    e->slot = take_slot(e->env, t, e);
  else
    e->env->slots[e->slot].task = (uint8_t)t;
}

/* ---- who waits ---- */

static void attach_link(orc_des_link *l, orc_des_event *e, orc_des_event *who)
{
  *l = (orc_des_link){ .on = e, .who = who, .previous = e->last };
  if (e->last != NULL)
    e->last->next = l;
  else
    e->first = l;
  e->last = l;
}

static void detach_link(orc_des_link *l)
{
  orc_des_event *e = l->on;
  if (e == NULL) return;
  if (l->previous != NULL)
    l->previous->next = l->next;
  else
    e->first = l->next;
  if (l->next != NULL)
    l->next->previous = l->previous;
  else
    e->last = l->previous;
  l->on = NULL;
}

/* ---- events ---- */

void orc_des_event_init(orc_des_event *e, orc_des *env, orc_des_kind kind)
{
  *e = (orc_des_event){ .env = env, .kind = (uint8_t)kind };
}

void orc_des_schedule(orc_des_event *e, orc_time delay)
{
  ORC_ASSERT(e->state == ORC_DES_PENDING && delay >= 0);
  e->state = ORC_DES_TRIGGERED;
  hold(e, HAPPEN);
  queue(e->env, orc_time_after(e->env->engine->now, delay), NORMAL, e->slot);
}

/* The event has happened and all have been told. */
static void close_event(orc_des_event *e)
{
  orc_des *env = e->env;
  if (e->failed && !e->defused) {
    env->stop = true;
    env->host.unhandled(env->host.self, e);
  }
  if (e == env->until) env->stop = true;
  let_go(e);
}

/* What a process that has ended leaves in the queue. */
static void forget(orc_des_process *p)
{
  orc_des *env = p->end.env;
  if (p->timer != 0) give_slot(env, p->timer);
  p->timer = 0;
  for (uint32_t i = p->interrupts; i != 0;) {
    const uint32_t next = env->slots[i].next;
    env->slots[i] = (slot){ .task = DEAD };
    env->dead++;
    env->host.release(env->host.self, i);
    i = next;
  }
  p->interrupts = 0;
}

uint32_t orc_des_hold(orc_des_event *e)
{
  hold(e, HELD);
  return e->slot;
}

void orc_des_drop(orc_des_event *e)
{
  ORC_ASSERT(e->state == ORC_DES_PENDING);
  let_go(e);
}

void orc_des_trigger(orc_des_event *e, bool failed)
{
  ORC_ASSERT(e->state == ORC_DES_PENDING);
  orc_des *env = e->env;
  e->failed = failed;
  if (e->kind == ORC_DES_PROCESS) forget((orc_des_process *)e);
  if (!failed && e->first == NULL) {
    e->state = ORC_DES_PROCESSED;
    if (e->kind == ORC_DES_CONDITION)
      env->host.settle(env->host.self, (orc_des_condition *)e, NULL);
    close_event(e);
    return;
  }
  e->state = ORC_DES_TRIGGERED;
  hold(e, HAPPEN);
  queue(env, env->engine->now, NORMAL, e->slot);
}

bool orc_des_cancel(orc_des_event *e)
{
  orc_des *env = e->env;
  if (e->state != ORC_DES_TRIGGERED || e->slot == 0) return false;
  const uint32_t i = e->slot;
  env->slots[i] = (slot){ .task = DEAD };
  env->dead++;
  e->slot = 0;
  e->state = ORC_DES_PENDING;
  env->host.release(env->host.self, i);
  return true;
}

static void end_condition(orc_des_condition *c, orc_des_event *failed);

/* A member of a condition that has not been triggered has happened. */
static void count_member(orc_des_condition *c, orc_des_event *e)
{
  if (e->failed) {
    e->defused = true;
    end_condition(c, e);
  } else if (--c->missing == 0) {
    end_condition(c, NULL);
  }
}

static void happen(orc_des *env, orc_des_event *e)
{
  e->state = ORC_DES_PROCESSED;
  env->slots[e->slot].task = HELD;
  if (e->kind == ORC_DES_CONDITION && !e->failed)
    env->host.settle(env->host.self, (orc_des_condition *)e, NULL);
  for (orc_des_link *l = e->first; l != NULL; l = e->first) {
    orc_des_event *who = l->who;
    detach_link(l);
    if (who->kind == ORC_DES_CONDITION) {
      count_member((orc_des_condition *)who, e);
      continue;
    }
    e->defused = true;
    env->alone = e->first == NULL && e != env->until;
    env->host.resume(env->host.self, (orc_des_process *)who, ORC_DES_HAPPENED, 0);
  }
  close_event(e);
}

/* ---- processes ---- */

void orc_des_start(orc_des_process *p)
{
  orc_des *env = p->end.env;
  p->wait = (orc_des_link){ 0 };
  p->timer = p->interrupts = 0;
  p->asleep = false;
  hold(&p->end, START);
  queue(env, env->engine->now, URGENT, p->end.slot);
}

/* Every so many events the run gets a look at what its user wants. */
enum { LOOK = 1024 };

bool orc_des_sleep(orc_des_process *p, orc_time delay)
{
  orc_des *env = p->end.env;
  orc_engine *engine = env->engine;
  const orc_time time = orc_time_after(engine->now, delay);
  if (env->alone && !env->stop && time < env->horizon && time < orc_engine_next(engine) &&
      engine->executed % LOOK != 0) {
    engine->now = time;
    engine->executed++;
    return false;
  }
  if (p->timer == 0)
    p->timer = take_slot(env, WAKE, p);
  else
    env->slots[p->timer].task = WAKE;
  p->asleep = true;
  queue(env, time, NORMAL, p->timer);
  return true;
}

void orc_des_wait(orc_des_process *p, orc_des_event *e)
{
  ORC_ASSERT(e->state != ORC_DES_PROCESSED && p->wait.on == NULL);
  attach_link(&p->wait, e, &p->end);
}

/* It ends: a ring of those who wait for each other is refused before it is closed. */
bool orc_des_waits_for(const orc_des_event *e, const orc_des_process *p)
{
  while (e != NULL && e != &p->end && e->kind == ORC_DES_PROCESS)
    e = ((const orc_des_process *)e)->wait.on;
  return e == &p->end;
}

uint32_t orc_des_interrupt(orc_des_process *p)
{
  orc_des *env = p->end.env;
  ORC_ASSERT(orc_des_alive(p));
  const uint32_t i = take_slot(env, INTERRUPT, p);
  env->slots[i].next = p->interrupts;
  p->interrupts = i;
  queue(env, env->engine->now, URGENT, i);
  return i;
}

/* A sleep that will not end: its entry in the queue has to be popped before the slot is free. */
static void end_sleep(orc_des_process *p)
{
  orc_des *env = p->end.env;
  if (!p->asleep) return;
  env->slots[p->timer] = (slot){ .task = DEAD };
  env->dead++;
  p->timer = 0;
  p->asleep = false;
}

static void fire_interrupt(orc_des *env, uint32_t i)
{
  orc_des_process *p = env->slots[i].what;
  uint32_t *at = &p->interrupts;
  while (*at != i)
    at = &env->slots[*at].next;
  *at = env->slots[i].next;
  end_sleep(p);
  detach_link(&p->wait);
  env->slots[i] = (slot){ .task = HELD };
  env->alone = true;
  env->host.resume(env->host.self, p, ORC_DES_INTERRUPTED, i);
  give_slot(env, i);
  env->host.release(env->host.self, i);
}

/* ---- conditions ---- */

static void drop_members(orc_des_condition *c)
{
  for (uint32_t i = 0; i < c->count; i++)
    detach_link(&c->member[i]);
}

static void end_condition(orc_des_condition *c, orc_des_event *failed)
{
  orc_des *env = c->event.env;
  drop_members(c);
  if (failed != NULL) env->host.settle(env->host.self, c, failed);
  orc_des_trigger(&c->event, failed != NULL);
}

void orc_des_condition_begin(orc_des_condition *c, orc_des_event *const *events, uint32_t count,
                             uint32_t wanted)
{
  ORC_ASSERT(c->event.slot != 0 && wanted <= count && (wanted > 0 || count == 0));
  c->count = count;
  c->missing = wanted;
  for (uint32_t i = 0; i < count; i++)
    c->member[i] = (orc_des_link){ 0 };
  for (uint32_t i = 0; i < count && c->event.state == ORC_DES_PENDING; i++) {
    if (events[i]->state != ORC_DES_PROCESSED)
      attach_link(&c->member[i], events[i], &c->event);
    else
      count_member(c, events[i]);
  }
  if (wanted == 0) end_condition(c, NULL);
}

/* ---- the clock ---- */

static void fire(void *self, uint32_t i)
{
  orc_des *env = self;
  void *what = env->slots[i].what;
  switch ((task)env->slots[i].task) {
  case WAKE:
    env->slots[i].task = HELD;
    ((orc_des_process *)what)->asleep = false;
    env->alone = true;
    env->host.resume(env->host.self, what, ORC_DES_SLEPT, 0);
    break;
  case START:
    env->slots[i].task = HELD;
    env->alone = true;
    env->host.resume(env->host.self, what, ORC_DES_STARTS, 0);
    break;
  case HAPPEN:
    happen(env, what);
    break;
  case INTERRUPT:
    fire_interrupt(env, i);
    break;
  case DEAD:
    env->dead--;
    give_slot(env, i);
    break;
  case FREE:
  case HELD:
    ORC_ASSERT(false);
  }
  env->alone = false;
}

void orc_des_attach(orc_des *env, const orc_des_host *host, orc_engine *engine, uint32_t kind)
{
  *env = (orc_des){ .host = *host, .kind = kind, .horizon = -1 };
  env->engine = engine;
  orc_engine_on(engine, kind, fire, env);
}

void orc_des_init(orc_des *env, const orc_des_host *host)
{
  *env = (orc_des){ .host = *host, .horizon = -1 };
  env->engine = &env->own;
  orc_engine_on(&env->own, 0, fire, env);
}

void orc_des_done(orc_des *env)
{
  orc_engine_done(&env->own);
  free(env->slots);
  *env = (orc_des){ 0 };
}

/* Cancelled entries at the head of the queue go, so that the clock does not move to them. */
static void purge(orc_des *env)
{
  while (env->dead > 0 && env->own.shared.count > 0) {
    const uint32_t i = orc_ladder_top(&env->own.shared).subject;
    if (env->slots[i].task != DEAD) return;
    orc_ladder_pop(&env->own.shared);
    env->dead--;
    give_slot(env, i);
  }
}

orc_time orc_des_next(orc_des *env)
{
  if (env->engine == &env->own) purge(env);
  return orc_engine_next(env->engine);
}

bool orc_des_run(orc_des *env, orc_time limit, uint64_t most)
{
  ORC_ASSERT(env->engine == &env->own);
  bool over = false;
  env->horizon = most > 1 ? limit : -1;
  for (uint64_t n = 0; n < most && !over; n++) {
    const orc_time next = orc_des_next(env);
    over = env->stop || next == ORC_NEVER || next >= limit;
    if (!over) orc_engine_step(&env->own);
  }
  env->horizon = -1;
  return over;
}
