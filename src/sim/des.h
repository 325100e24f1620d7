/*
** des.h - processes that wait for events, on the engine's clock: what a process-oriented simulation
** is made of (SimPy's notions: Environment, Event, Process, Condition, Interrupt).
**
** An event is pending until it is triggered; it happens (is processed) when the engine comes to it,
** and those that wait are then told in the order in which they began to wait. A process is an event,
** too: its end. A condition is an event that is triggered by others. An event that fails and that
** nothing waits for is an error of the model: the host is told, and the run stops.
**
** The owner of an environment (the host) runs the processes and owns the memory of all objects. An
** object must stay where it is while its `slot` is not 0, and while anything waits for it.
** All events of an environment lie in the queue of an engine, its own or that of a simulation it is
** attached to, in the order (time, class TIMER, priority, sequence): a total order.
*/
#ifndef ORC_SIM_DES_H
#define ORC_SIM_DES_H

#include "base/base.h"
#include "sim/engine.h"

typedef struct orc_des orc_des;

typedef enum orc_des_kind {
  ORC_DES_EVENT,
  ORC_DES_PROCESS,
  ORC_DES_CONDITION,
  ORC_DES_REQUEST, /* of a resource, see sim/resource.h */
  ORC_DES_ASK,     /* something of its owner's own that waits to be served */
} orc_des_kind;

typedef enum orc_des_state {
  ORC_DES_PENDING,
  ORC_DES_TRIGGERED, /* it is in the queue */
  ORC_DES_PROCESSED, /* it has happened */
} orc_des_state;

/* One who waits for one event: a process, or a condition. */
typedef struct orc_des_link {
  struct orc_des_event *on; /* NULL: for none */
  struct orc_des_event *who;
  struct orc_des_link *previous, *next; /* who else waits for it, in the order of coming */
} orc_des_link;

typedef struct orc_des_event {
  orc_des *env;
  orc_des_link *first, *last; /* who waits */
  uint32_t slot;              /* of the environment, which holds it; 0: it does not */
  uint8_t kind, state;        /* orc_des_kind, orc_des_state */
  bool failed;
  bool defused; /* somebody has been told of the failure */
} orc_des_event;

typedef struct orc_des_process {
  orc_des_event end; /* triggered when the process ends */
  orc_des_link wait;
  uint32_t timer;      /* slot of its sleeps; 0: none yet */
  uint32_t interrupts; /* slot of the last interrupt on its way; 0: none */
  bool asleep;
} orc_des_process;

/* All bytes zero but the members' links; see orc_des_condition_size. */
typedef struct orc_des_condition {
  orc_des_event event;
  uint32_t count;   /* of members */
  uint32_t missing; /* members that have yet to happen */
  orc_des_link member[];
} orc_des_condition;

/* Why a process goes on. */
typedef enum orc_des_wake {
  ORC_DES_STARTS,
  ORC_DES_SLEPT,
  ORC_DES_HAPPENED,    /* what it waited for; look at the event */
  ORC_DES_INTERRUPTED, /* `slot` is that which orc_des_interrupt gave */
} orc_des_wake;

/* What an environment asks of its owner. */
typedef struct orc_des_host {
  void *self;
  /* Run process `p` until it waits again (orc_des_sleep, orc_des_wait) or ends (orc_des_trigger). */
  void (*resume)(void *self, orc_des_process *p, orc_des_wake why, uint32_t slot);
  /* Condition `c` takes its value: of the members that have happened, or of `failed`, not NULL. */
  void (*settle)(void *self, orc_des_condition *c, orc_des_event *failed);
  /* A slot holds nothing any more: what it held may go. */
  void (*release)(void *self, uint32_t slot);
  /* `e` failed and nothing waited for it; the run stops. */
  void (*unhandled)(void *self, orc_des_event *e);
} orc_des_host;

struct orc_des {
  orc_engine *engine; /* the clock; `own` or another's */
  orc_engine own;
  uint32_t kind; /* of its events in that engine */
  orc_des_host host;
  struct orc_des_slot *slots; /* see des.c */
  uint32_t slot_count, slot_room, slot_free;
  uint32_t dead;        /* cancelled entries that are still queued */
  orc_time horizon;     /* up to here, not at it, a sleeping process may move the clock itself */
  bool alone;           /* what runs now is the last of its event */
  bool stop;            /* the run is to end after this event */
  orc_des_event *until; /* whose happening stops the run, or NULL */
};

/*
** An environment with a clock of its own, or (attach) one source of events of a simulation: its
** events get the number `kind` there, and what drives `engine` drives it. done frees the queues,
** not the objects.
*/
void orc_des_init(orc_des *env, const orc_des_host *host);
void orc_des_attach(orc_des *env, const orc_des_host *host, orc_engine *engine, uint32_t kind);
void orc_des_done(orc_des *env);

static inline orc_time orc_des_now(const orc_des *env)
{
  return env->engine->now;
}

/*
** The time of the next event, ORC_NEVER when none is pending. Of an environment with its own clock:
** what was cancelled does not count. Attached: of the whole engine.
*/
orc_time orc_des_next(orc_des *env);

/*
** Handle the events before `limit`, at most `most` of them, until none is left or one stops the run
** (env->stop). With `most` 1 no process moves the clock itself: one event, then, and not more. For
** an environment with its own clock, which is left at the last event.
** Returns whether it ended for another reason than `most`.
*/
bool orc_des_run(orc_des *env, orc_time limit, uint64_t most);

/* ---- events; all begin with event_init, which zeroes nothing but the event ---- */

void orc_des_event_init(orc_des_event *e, orc_des *env, orc_des_kind kind);

/* The environment holds the event in a slot, which is returned, until it has happened. */
uint32_t orc_des_hold(orc_des_event *e);

/* The environment holds a pending event no longer. */
void orc_des_drop(orc_des_event *e);

/* The event happens `delay` >= 0 from now. Precondition: pending. It is held from here. */
void orc_des_schedule(orc_des_event *e, orc_time delay);

/*
** The event happens now, after what is already due now; a success that nothing waits for has
** happened at once. Precondition: pending. It is held until it has happened.
*/
void orc_des_trigger(orc_des_event *e, bool failed);

/* A scheduled event will not happen. Returns false where it is not scheduled. */
bool orc_des_cancel(orc_des_event *e);

/* ---- processes ---- */

/* Process `p`, just initialised, starts now, before all else that is due. It is held to its end. */
void orc_des_start(orc_des_process *p);

/*
** The running process sleeps for `delay` >= 0. Returns false where nothing else happens until then:
** the clock has moved, and the process goes on.
*/
bool orc_des_sleep(orc_des_process *p, orc_time delay);

/* The running process waits for `e`, which has not happened. */
void orc_des_wait(orc_des_process *p, orc_des_event *e);

/* Whether `e` is a process that, itself or over others, waits for the end of `p` and nothing else. */
bool orc_des_waits_for(const orc_des_event *e, const orc_des_process *p);

/*
** The process is woken now, before all else that is due, with ORC_DES_INTERRUPTED, whatever it then
** waits for. Nothing happens if it has ended by then. Returns the slot that stands for it. The
** process has not ended and does not run.
*/
uint32_t orc_des_interrupt(orc_des_process *p);

/* Whether the process has not ended. */
static inline bool orc_des_alive(const orc_des_process *p)
{
  return p->end.state == ORC_DES_PENDING;
}

/* ---- conditions ---- */

static inline size_t orc_des_condition_size(uint32_t count)
{
  return sizeof(orc_des_condition) + count * sizeof(orc_des_link);
}

/*
** Condition `c` of `count` events happens when `wanted` of them have, and fails when one fails.
** Where that is so already, it has happened at once (settled) and is held no longer.
**   c        of orc_des_condition_size(count) bytes, its event initialised and held
**   wanted   1 .. count; 0 where there are none
*/
void orc_des_condition_begin(orc_des_condition *c, orc_des_event *const *events, uint32_t count,
                             uint32_t wanted);

#endif
