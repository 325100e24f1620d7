/* Events, processes and conditions without Lua: processes are small scripts of steps. */
#include "sim/resource.h"

#include <stdlib.h>
#include <string.h>

#include "test.h"

enum { MOST = 64 };

/* What a test process does next. */
typedef struct action {
  enum { SLEEP, WAIT, END, FAIL } verb;
  orc_time delay;
  orc_des_event *event;
} action;

typedef struct actor {
  orc_des_process process;
  const action *script;
  char name;
} actor;

typedef struct world {
  orc_des env;
  orc_engine engine;
  char log[256]; /* who went on, why and when */
  size_t length;
  int released, unhandled, settled;
} world;

static void note(world *w, char name, char why)
{
  w->length += (size_t)snprintf(w->log + w->length, sizeof w->log - w->length, "%c%c%lld ", name,
                                why, (long long)orc_des_now(&w->env));
}

static void resume(void *self, orc_des_process *p, orc_des_wake why, uint32_t slot)
{
  (void)slot;
  actor *a = (actor *)p;
  note(self, a->name, "szhi"[why]);
  for (;;) {
    const action *next = a->script++;
    switch (next->verb) {
    case SLEEP:
      if (orc_des_sleep(p, next->delay)) return;
      note(self, a->name, 'z');
      break;
    case WAIT:
      if (next->event->state == ORC_DES_PROCESSED) break;
      orc_des_wait(p, next->event);
      return;
    case END:
      orc_des_trigger(&p->end, false);
      return;
    case FAIL:
      orc_des_trigger(&p->end, true);
      return;
    }
  }
}

static void settle(void *self, orc_des_condition *c, orc_des_event *failed)
{
  (void)c;
  (void)failed;
  ((world *)self)->settled++;
}

static void release(void *self, uint32_t slot)
{
  (void)slot;
  ((world *)self)->released++;
}

static void unhandled(void *self, orc_des_event *e)
{
  (void)e;
  ((world *)self)->unhandled++;
}

static orc_des_host host_of(world *w)
{
  return (orc_des_host){
    .self = w, .resume = resume, .settle = settle, .release = release, .unhandled = unhandled
  };
}

static world *begin(void)
{
  world *w = orc_alloc(1, sizeof *w);
  const orc_des_host host = host_of(w);
  orc_des_init(&w->env, &host);
  return w;
}

/* The log so far is `expected`; the world ends. */
static void finish(world *w, const char *expected)
{
  CHECK(strcmp(w->log, expected) == 0);
  if (strcmp(w->log, expected) != 0) printf("  got %s\n", w->log);
  orc_des_done(&w->env);
  orc_engine_done(&w->engine);
  free(w);
}

static void start(world *w, actor *a, char name, const action *script)
{
  *a = (actor){ .name = name, .script = script };
  orc_des_event_init(&a->process.end, &w->env, ORC_DES_PROCESS);
  orc_des_start(&a->process);
}

static void run(world *w)
{
  CHECK(orc_des_run(&w->env, ORC_NEVER, MOST));
}

static void sleeps_end_in_order_of_time_and_then_of_coming(void)
{
  world *w = begin();
  actor a, b, c;
  start(w, &a, 'a', (action[]){ { SLEEP, 5, 0 }, { SLEEP, 5, 0 }, { END, 0, 0 } });
  start(w, &b, 'b', (action[]){ { SLEEP, 5, 0 }, { END, 0, 0 } });
  start(w, &c, 'c', (action[]){ { SLEEP, 3, 0 }, { SLEEP, 2, 0 }, { END, 0, 0 } });
  run(w);
  CHECK(!orc_des_alive(&a.process));
  CHECK(w->released == 3 && orc_des_next(&w->env) == ORC_NEVER);
  finish(w, "as0 bs0 cs0 cz3 az5 bz5 cz5 az10 ");
}

static void waiters_are_told_in_the_order_of_coming(void)
{
  world *w = begin();
  orc_des_event e;
  orc_des_event_init(&e, &w->env, ORC_DES_EVENT);
  actor a, b, c;
  const action script[] = { { WAIT, 0, &e }, { END, 0, 0 } };
  start(w, &a, 'a', script);
  start(w, &b, 'b', script);
  start(w, &c, 'c', (action[]){ { SLEEP, 4, 0 }, { WAIT, 0, &e }, { END, 0, 0 } });
  orc_des_schedule(&e, 7);
  run(w);
  CHECK(e.state == ORC_DES_PROCESSED && e.slot == 0);
  finish(w, "as0 bs0 cs0 cz4 ah7 bh7 ch7 ");
}

/* The first of two waiters may not move the clock past the second. */
static void a_sleeper_alone_moves_the_clock_itself_but_not_past_others(void)
{
  world *w = begin();
  orc_des_event e;
  orc_des_event_init(&e, &w->env, ORC_DES_EVENT);
  actor a, b;
  start(w, &a, 'a', (action[]){ { WAIT, 0, &e }, { SLEEP, 1, 0 }, { SLEEP, 1, 0 }, { END, 0, 0 } });
  start(w, &b, 'b', (action[]){ { WAIT, 0, &e }, { END, 0, 0 } });
  orc_des_schedule(&e, 2);
  run(w);
  CHECK(w->env.engine->executed == 5);
  finish(w, "as0 bs0 ah2 bh2 az3 az4 ");
}

static void an_interrupt_ends_a_sleep_and_a_wait(void)
{
  world *w = begin();
  orc_des_event e;
  orc_des_event_init(&e, &w->env, ORC_DES_EVENT);
  actor a, b;
  start(w, &a, 'a', (action[]){ { SLEEP, 9, 0 }, { SLEEP, 2, 0 }, { END, 0, 0 } });
  start(w, &b, 'b', (action[]){ { WAIT, 0, &e }, { END, 0, 0 } });
  CHECK(!orc_des_run(&w->env, ORC_NEVER, 1) && !orc_des_run(&w->env, ORC_NEVER, 1));
  CHECK(orc_des_interrupt(&a.process) != orc_des_interrupt(&b.process));
  CHECK(e.first != NULL);
  run(w);
  CHECK(e.first == NULL && orc_des_now(&w->env) == 2); /* not 9: the sleep's entry is gone */
  finish(w, "as0 bs0 ai0 bi0 az2 ");
}

static void interrupts_of_a_process_that_ends_come_to_nothing(void)
{
  world *w = begin();
  actor a;
  start(w, &a, 'a', (action[]){ { SLEEP, 9, 0 }, { END, 0, 0 } });
  CHECK(!orc_des_run(&w->env, ORC_NEVER, 1));
  orc_des_interrupt(&a.process);
  orc_des_interrupt(&a.process);
  run(w);
  CHECK(!orc_des_alive(&a.process) && w->released == 3);
  finish(w, "as0 ai0 ");
}

static void a_failure_is_told_or_stops_the_run(void)
{
  world *w = begin();
  actor a, b, c;
  start(w, &a, 'a', (action[]){ { SLEEP, 1, 0 }, { FAIL, 0, 0 } });
  start(w, &b, 'b', (action[]){ { WAIT, 0, &a.process.end }, { FAIL, 0, 0 } });
  start(w, &c, 'c', (action[]){ { SLEEP, 5, 0 }, { END, 0, 0 } });
  run(w);
  CHECK(a.process.end.failed && a.process.end.defused);
  CHECK(w->unhandled == 1 && w->env.stop && orc_des_next(&w->env) == 5);
  finish(w, "as0 bs0 cs0 az1 bh1 ");
}

typedef union pair {
  orc_des_condition c;
  char room[sizeof(orc_des_condition) + 2 * sizeof(orc_des_link)];
} pair;

static void condition(world *w, pair *p, orc_des_event *x, orc_des_event *y, uint32_t wanted)
{
  CHECK(sizeof *p >= orc_des_condition_size(2));
  orc_des_event_init(&p->c.event, &w->env, ORC_DES_CONDITION);
  orc_des_hold(&p->c.event);
  orc_des_condition_begin(&p->c, (orc_des_event *[]){ x, y }, 2, wanted);
}

static void conditions_wait_for_any_or_all(void)
{
  world *w = begin();
  orc_des_event x, y;
  orc_des_event_init(&x, &w->env, ORC_DES_EVENT);
  orc_des_event_init(&y, &w->env, ORC_DES_EVENT);
  pair any, all;
  condition(w, &any, &x, &y, 1);
  condition(w, &all, &x, &y, 2);
  actor a, b;
  start(w, &a, 'a', (action[]){ { WAIT, 0, &any.c.event }, { END, 0, 0 } });
  start(w, &b, 'b', (action[]){ { WAIT, 0, &all.c.event }, { END, 0, 0 } });
  orc_des_schedule(&x, 3);
  orc_des_schedule(&y, 6);
  run(w);
  CHECK(w->settled == 2 && any.c.event.slot == 0 && all.c.event.slot == 0);
  pair late; /* of what has happened: at once */
  condition(w, &late, &x, &y, 2);
  CHECK(late.c.event.state == ORC_DES_PROCESSED && late.c.event.slot == 0 && w->settled == 3);
  finish(w, "as0 bs0 ah3 bh6 ");
}

static void a_condition_fails_with_a_member(void)
{
  world *w = begin();
  orc_des_event x, y;
  orc_des_event_init(&x, &w->env, ORC_DES_EVENT);
  orc_des_event_init(&y, &w->env, ORC_DES_EVENT);
  pair all;
  condition(w, &all, &x, &y, 2);
  actor a;
  start(w, &a, 'a', (action[]){ { WAIT, 0, &all.c.event }, { SLEEP, 1, 0 }, { END, 0, 0 } });
  CHECK(!orc_des_run(&w->env, ORC_NEVER, 1));
  orc_des_trigger(&x, true);
  run(w);
  CHECK(all.c.event.failed && x.defused && w->unhandled == 0 && y.first == NULL);
  finish(w, "as0 ah0 az1 ");
}

static void what_is_cancelled_neither_happens_nor_moves_the_clock(void)
{
  world *w = begin();
  orc_des_event e;
  orc_des_event_init(&e, &w->env, ORC_DES_EVENT);
  actor a;
  start(w, &a, 'a', (action[]){ { SLEEP, 2, 0 }, { END, 0, 0 } });
  orc_des_schedule(&e, 9);
  CHECK(orc_des_cancel(&e) && !orc_des_cancel(&e));
  run(w);
  CHECK(e.state == ORC_DES_PENDING && orc_des_now(&w->env) == 2 && w->env.dead == 0);
  orc_des_schedule(&e, 1);
  run(w);
  CHECK(e.state == ORC_DES_PROCESSED && orc_des_now(&w->env) == 3);
  finish(w, "as0 az2 ");
}

static void a_run_ends_before_its_limit_or_with_an_event(void)
{
  world *w = begin();
  actor a;
  start(w, &a, 'a', (action[]){ { SLEEP, 2, 0 }, { SLEEP, 2, 0 }, { SLEEP, 2, 0 }, { END, 0, 0 } });
  CHECK(orc_des_run(&w->env, 4, MOST));
  CHECK(orc_des_now(&w->env) == 2 && orc_des_next(&w->env) == 4);
  orc_des_event e;
  orc_des_event_init(&e, &w->env, ORC_DES_EVENT);
  orc_des_schedule(&e, 3);
  w->env.until = &e;
  run(w);
  CHECK(w->env.stop && orc_des_now(&w->env) == 5);
  finish(w, "as0 az2 az4 ");
}

static void a_ring_of_processes_that_wait_for_each_other_is_seen(void)
{
  world *w = begin();
  actor a, b, c;
  start(w, &a, 'a', (action[]){ { WAIT, 0, &b.process.end }, { END, 0, 0 } });
  start(w, &b, 'b', (action[]){ { WAIT, 0, &c.process.end }, { END, 0, 0 } });
  start(w, &c, 'c', (action[]){ { SLEEP, 5, 0 }, { END, 0, 0 } });
  CHECK(!orc_des_run(&w->env, ORC_NEVER, 3));
  CHECK(orc_des_waits_for(&a.process.end, &c.process));
  CHECK(orc_des_waits_for(&b.process.end, &c.process));
  CHECK(!orc_des_waits_for(&c.process.end, &a.process));
  CHECK(!orc_des_waits_for(&b.process.end, &a.process));
  run(w);
  finish(w, "as0 bs0 cs0 cz5 bh5 ah5 ");
}

/* ---- resources ---- */

static orc_request *ask(world *w, orc_resource *r, orc_request *q, double priority, bool preempts)
{
  orc_des_event_init(&q->event, &w->env, ORC_DES_REQUEST);
  return orc_resource_ask(r, q, priority, preempts);
}

static void servers_go_to_the_least_priority_and_then_to_the_first(void)
{
  world *w = begin();
  orc_resource r;
  orc_resource_init(&r, 1, false);
  orc_request q[6];
  static const double priority[6] = { 0, 2, 1, 2, 0, 1 };
  for (int i = 0; i < 6; i++)
    CHECK(ask(w, &r, &q[i], priority[i], true) == NULL);
  CHECK(q[0].state == ORC_REQUEST_HOLDS && q[0].event.state == ORC_DES_PROCESSED);
  CHECK(r.count == 1 && r.queue.count == 5 && q[1].event.slot != 0);
  static const int order[5] = { 4, 2, 5, 1, 3 };
  orc_request *holder = &q[0];
  for (int i = 0; i < 5; i++) {
    orc_request *next = orc_resource_release(&r, holder);
    CHECK(next == &q[order[i]] && next->event.slot == 0);
    holder = next;
  }
  CHECK(orc_resource_release(&r, holder) == NULL && r.count == 0);
  orc_resource_done(&r);
  finish(w, "");
}

static void a_request_that_is_cancelled_leaves_the_queue_in_order(void)
{
  world *w = begin();
  orc_resource r;
  orc_resource_init(&r, 1, false);
  orc_request q[40];
  for (int i = 0; i < 40; i++)
    ask(w, &r, &q[i], (i * 7) % 13, true);
  for (int i = 3; i < 40; i += 3)
    orc_resource_cancel(&r, &q[i]);
  CHECK(q[3].state == ORC_REQUEST_OVER && q[3].event.slot == 0);
  CHECK(q[3].event.state == ORC_DES_PENDING && r.queue.count == 26);
  orc_request *last = NULL, *holder = &q[0];
  for (int n = 0; n < 26; n++) {
    orc_request *next = orc_resource_release(&r, holder);
    CHECK(next != NULL && (next - q) % 3 != 0);
    CHECK(last == NULL || orc_request_before(last, next));
    last = holder = next;
  }
  orc_resource_done(&r);
  finish(w, "");
}

static void a_preemptive_resource_takes_a_server_from_the_weakest(void)
{
  world *w = begin();
  orc_resource r;
  orc_resource_init(&r, 2, true);
  orc_request a, b, c, d, e;
  ask(w, &r, &a, 3, true);
  ask(w, &r, &b, 3, true);
  CHECK(ask(w, &r, &c, 3, true) == NULL && c.state == ORC_REQUEST_WAITS); /* not of its equals */
  CHECK(ask(w, &r, &d, 1, false) == NULL && d.state == ORC_REQUEST_WAITS);
  CHECK(ask(w, &r, &e, 1, true) == &b); /* the later of two */
  CHECK(b.state == ORC_REQUEST_LOST && e.state == ORC_REQUEST_HOLDS && r.count == 2);
  CHECK(orc_resource_release(&r, &a) == &d && orc_resource_release(&r, &e) == &c);
  orc_resource_done(&r);
  finish(w, "");
}

static void tick(void *self, uint32_t subject)
{
  note(self, 'e', (char)('0' + subject));
}

/* One source of events among others: whoever drives the engine drives the processes. */
static void attached_it_is_driven_by_another_clock(void)
{
  world *w = orc_alloc(1, sizeof *w);
  const orc_des_host host = host_of(w);
  orc_des_attach(&w->env, &host, &w->engine, 3);
  orc_engine_on(&w->engine, 0, tick, w);
  orc_engine_at(&w->engine, 2, ORC_CLASS_ARRIVAL, 0, 1);
  orc_engine_at(&w->engine, 2, ORC_CLASS_STEP, 0, 2);
  orc_engine_at(&w->engine, 3, ORC_CLASS_TIMER, 0, 3);
  actor a, b;
  start(w, &a, 'a', (action[]){ { SLEEP, 1, 0 }, { SLEEP, 1, 0 }, { SLEEP, 8, 0 }, { END, 0, 0 } });
  while (orc_des_next(&w->env) <= 4)
    orc_engine_step(&w->engine);
  CHECK(orc_des_now(&w->env) == 3 && orc_des_next(&w->env) == 10);
  start(w, &b, 'b', (action[]){ { SLEEP, 1, 0 }, { END, 0, 0 } });
  while (orc_engine_next(&w->engine) != ORC_NEVER)
    orc_engine_step(&w->engine);
  finish(w, "as0 az1 e12 az2 e22 e33 bs3 bz4 az10 ");
}

int main(void)
{
  RUN(sleeps_end_in_order_of_time_and_then_of_coming);
  RUN(waiters_are_told_in_the_order_of_coming);
  RUN(a_sleeper_alone_moves_the_clock_itself_but_not_past_others);
  RUN(an_interrupt_ends_a_sleep_and_a_wait);
  RUN(interrupts_of_a_process_that_ends_come_to_nothing);
  RUN(a_failure_is_told_or_stops_the_run);
  RUN(conditions_wait_for_any_or_all);
  RUN(a_condition_fails_with_a_member);
  RUN(what_is_cancelled_neither_happens_nor_moves_the_clock);
  RUN(a_run_ends_before_its_limit_or_with_an_event);
  RUN(a_ring_of_processes_that_wait_for_each_other_is_seen);
  RUN(servers_go_to_the_least_priority_and_then_to_the_first);
  RUN(a_request_that_is_cancelled_leaves_the_queue_in_order);
  RUN(a_preemptive_resource_takes_a_server_from_the_weakest);
  RUN(attached_it_is_driven_by_another_clock);
  return DONE();
}
