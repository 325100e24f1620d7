#include "net/flow.h"

#include "net/rounds.h"

#include "test.h"

enum { KIND = 3, MARKS = 64 };

/* A network and the times at which its transfers came in, by the number they were sent with. */
typedef struct scene {
  orc_topology *t;
  orc_engine engine;
  orc_net *net;
  orc_time at[MARKS];
  int arrived;
} scene;

static void mark(void *self, uint64_t arg)
{
  scene *s = self;
  s->at[arg] = s->engine.now;
  s->arrived++;
}

static void open_scene(scene *s, orc_topology *t)
{
  *s = (scene){ .t = t };
  for (int i = 0; i < MARKS; i++)
    s->at[i] = -1;
  s->net = orc_net_new(t, &s->engine, KIND);
}

static void close_scene(scene *s)
{
  orc_net_free(s->net);
  orc_engine_done(&s->engine);
  orc_topology_free(s->t);
}

static void run_until(scene *s, orc_time end)
{
  while (orc_engine_next(&s->engine) < end)
    orc_engine_step(&s->engine);
}

static void send(scene *s, int from, int to, double bytes, uint64_t arg)
{
  const orc_route *r = orc_topology_route(s->t, from, to, NULL);
  ORC_ASSERT(r != NULL);
  orc_net_send(s->net, r, bytes, mark, s, arg);
}

/* Nodes in a row, both ways, each link 1 GB/s (1 byte per ns) and `latency`. */
static orc_topology *row(int nodes, double latency)
{
  orc_topology *t = orc_topology_new();
  for (int i = 0; i < nodes; i++) {
    char name[16];
    snprintf(name, sizeof name, "n%d", i);
    orc_topology_add_node(t, ORC_NODE_DEVICE, name, -1, NULL);
  }
  for (int i = 0; i + 1 < nodes; i++)
    for (int back = 0; back < 2; back++) {
      const orc_edge link = {
        .from = i + back, .to = i + 1 - back, .latency = latency, .bandwidth = 1e9
      };
      orc_topology_add_link(t, &link, NULL);
    }
  return t;
}

/* Two links of 1 us: 2,000 ns, then 5,000 B at 1 B/ns. Nothing to solve, one event. */
static void alone(void)
{
  scene s;
  open_scene(&s, row(3, 1e-6));
  send(&s, 0, 2, 5000.0, 0);
  send(&s, 2, 0, 100.0, 1); /* the other direction is another link */
  run_until(&s, ORC_NEVER);
  CHECK(s.at[0] == 7000);
  CHECK(s.at[1] == 2100);
  CHECK(s.engine.executed == 2);
  CHECK(orc_net_counted(s.net).solved == 0 && !orc_net_contended(s.net));
  CHECK(orc_net_carried(s.net, 0) == 5000.0 && orc_net_carried(s.net, 1) == 100.0);
  close_scene(&s);
}

/*
** f0 brings 10,000 B from 0 ns; f1 joins at 4,000 ns with 2,000 B. Alone f0 has brought 4,000 B;
** then both have half: f1's 2,000 B take 4,000 ns (to 8,000), in which f0 brings 2,000 B; the
** last 4,000 B flow alone: 12,000 ns. The link is never idle: 12,000 B in 12,000 ns.
*/
static void shared(void)
{
  scene s;
  open_scene(&s, row(2, 0.0));
  send(&s, 0, 1, 10000.0, 0);
  s.engine.now = 4000;
  send(&s, 0, 1, 2000.0, 1);
  run_until(&s, ORC_NEVER);
  CHECK(s.at[1] == 8000);
  CHECK(s.at[0] == 12000);
  CHECK(orc_net_contended(s.net));
  CHECK(orc_net_carried(s.net, 0) == 12000.0);
  close_scene(&s);
}

/*
** Links A = 0->1 and B = 1->2. f0 crosses both, f1 only A, f2 only B; 3,000 B each, at once.
** Each has half its link: after 6,000 ns all are there. With f2 of 1,000 B instead: at 2,000 ns f2
** is there; f0 stays at half of A; f0 and f1 come at 6,000 ns.
*/
static void chains(void)
{
  for (int i = 0; i < 2; i++) {
    scene s;
    open_scene(&s, row(3, 0.0));
    send(&s, 0, 2, 3000.0, 0);
    send(&s, 0, 1, 3000.0, 1);
    send(&s, 1, 2, i == 0 ? 3000.0 : 1000.0, 2);
    run_until(&s, ORC_NEVER);
    CHECK(s.at[0] == 6000);
    CHECK(s.at[1] == 6000);
    CHECK(s.at[2] == (i == 0 ? 6000 : 2000));
    close_scene(&s);
  }
}

/*
** Latency is not the link's time: f0 is under way from 0 and its bytes come from 2,000 ns on (1,000
** B over two links of 1 us); f1 over the second link alone flows from 1,000 ns to 2,000 ns
** (1,000 B), so they never meet, though f0 was sent first. f0: 3,000 ns.
*/
static void latency_holds_no_link(void)
{
  scene s;
  open_scene(&s, row(3, 1e-6));
  send(&s, 0, 2, 1000.0, 0);
  send(&s, 1, 2, 1000.0, 1);
  run_until(&s, ORC_NEVER);
  CHECK(s.at[1] == 2000);
  CHECK(s.at[0] == 3000);
  CHECK(!orc_net_contended(s.net) && orc_net_counted(s.net).solved == 0);
  close_scene(&s);
}

/*
** The same with 3,000 B for f1: it has the link to itself from 1,000 to 2,000 ns, half until f0's
** 1,000 B are there (4,000 ns), then the last 1,000 B alone: 5,000 ns.
*/
static void latency_then_meeting(void)
{
  scene s;
  open_scene(&s, row(3, 1e-6));
  send(&s, 0, 2, 1000.0, 0);
  send(&s, 1, 2, 3000.0, 1);
  run_until(&s, ORC_NEVER);
  CHECK(s.at[0] == 4000);
  CHECK(s.at[1] == 5000);
  CHECK(orc_net_contended(s.net));
  close_scene(&s);
}

/* No bytes: the latency alone. No links: at once, but not inside the call. */
static void nothing_to_carry(void)
{
  scene s;
  open_scene(&s, row(2, 1e-6));
  send(&s, 0, 1, 0.0, 0);
  send(&s, 1, 1, 1e9, 1);
  CHECK(s.arrived == 0);
  run_until(&s, ORC_NEVER);
  CHECK(s.at[0] == 1000);
  CHECK(s.at[1] == 0);
  send(&s, 0, 1, 0.0, 2); /* and over a busy link */
  send(&s, 0, 1, 500.0, 3);
  send(&s, 0, 1, 0.0, 4);
  run_until(&s, ORC_NEVER);
  CHECK(s.at[2] == 2000 && s.at[3] == 2500 && s.at[4] == 2000);
  close_scene(&s);
}

/* One after the other on one link, each sent when the last came: no sharing, no solving. */
static void again(void *self, uint64_t arg)
{
  scene *s = self;
  mark(s, arg);
  if (arg < 9) orc_net_send(s->net, orc_topology_route(s->t, 0, 1, NULL), 100.0, again, s, arg + 1);
}

static void one_after_the_other(void)
{
  scene s;
  open_scene(&s, row(2, 0.0));
  orc_net_send(s.net, orc_topology_route(s.t, 0, 1, NULL), 100.0, again, &s, 0);
  run_until(&s, ORC_NEVER);
  CHECK(s.at[9] == 1000);
  CHECK(s.engine.executed == 10 && !orc_net_contended(s.net));
  close_scene(&s);
}

/* The next one's first byte comes at the very moment the last one's end does: no sharing either. */
static void back_to_back(void)
{
  scene s;
  open_scene(&s, row(2, 1e-6));
  send(&s, 0, 1, 1000.0, 0); /* flows from 1,000 to 2,000 ns */
  s.engine.now = 1000;
  send(&s, 0, 1, 700.0, 1); /* flows from 2,000 to 2,700 ns */
  run_until(&s, ORC_NEVER);
  CHECK(s.at[0] == 2000 && s.at[1] == 2700);
  CHECK(!orc_net_contended(s.net));
  close_scene(&s);
}

/* Ten at once on one link of 1 B/ns, the i-th with i x 100 B: the classic staircase. The i-th ends
** when all before it have, and 10 - i + 1 share what is between: sum of 100 x (11 - j), j <= i. */
static void staircase(void)
{
  scene s;
  open_scene(&s, row(2, 0.0));
  for (uint64_t i = 1; i <= 10; i++)
    send(&s, 0, 1, 100.0 * (double)i, i);
  run_until(&s, ORC_NEVER);
  orc_time want = 0;
  for (int i = 1; i <= 10; i++) {
    want += 100 * (11 - i);
    CHECK(s.at[i] == want);
  }
  close_scene(&s);
}

/* ---- rounds ---- */

typedef struct plan {
  int next;
} plan;

static bool three(void *self, orc_transfer *t)
{
  static const orc_transfer list[] = {
    { .round = 0, .from = 0, .to = 1, .bytes = 1000.0 },
    { .round = 0, .from = 1, .to = 2, .bytes = 4000.0 },
    { .round = 2, .from = 0, .to = ORC_RANK_SWITCH, .bytes = 500.0 }, /* round 1 has none */
  };
  plan *p = self;
  if (p->next == 3) return false;
  *t = list[p->next++];
  return true;
}

static bool none(void *self, orc_transfer *t)
{
  (void)self, (void)t;
  return false;
}

/* Round 0: its slower message's 1,000 + 4,000 ns; then 0 -> hub, three links on: 3,000 + 500 ns. */
static void in_rounds(void)
{
  scene s;
  open_scene(&s, row(4, 1e-6));
  plan p = { 0 };
  const int nodes[] = { 0, 1, 2 };
  orc_rounds r = { .net = s.net, .nodes = nodes, .hub = 3, .next = three, .plan = &p };
  r.done = mark;
  r.ctx = &s;
  r.arg = 5;
  CHECK(orc_rounds_check(s.t, nodes, 3, 3, NULL));
  orc_rounds_start(&r);
  run_until(&s, ORC_NEVER);
  CHECK(s.at[5] == 8500);
  r.next = none;
  r.arg = 6;
  orc_rounds_start(&r);
  CHECK(s.at[6] == 8500);
  close_scene(&s);
}

static void missing_route(void)
{
  orc_error e = { 0 };
  orc_topology *t = row(2, 0.0);
  orc_topology_add_node(t, ORC_NODE_SWITCH, "hub", -1, NULL);
  CHECK(!orc_rounds_check(t, (const int[]){ 0, 1 }, 2, 2, &e));
  CHECK(e.code != 0);
  CHECK(orc_rounds_check(t, (const int[]){ 0, 1 }, 2, -1, &e));
  orc_topology_free(t);
}

/*
** Two share a link, 0.5 B/ns each; at 2,000 ns one has failed: the other has 9,000 B left and the
** link to itself. One that waits for its first byte, and one alone, go as well.
*/
static void dropped(void)
{
  scene s;
  open_scene(&s, row(3, 0.0));
  send(&s, 0, 1, 10000.0, 0);
  send(&s, 0, 1, 10000.0, 1);
  send(&s, 1, 2, 10000.0, 2);
  run_until(&s, 1);
  s.engine.now = 2000;
  orc_net_drop(s.net, mark, &s, 0);
  orc_net_drop(s.net, mark, &s, 2);
  send(&s, 1, 2, 1000.0, 3);
  run_until(&s, 1000000);
  CHECK(s.at[0] < 0 && s.at[2] < 0 && s.arrived == 2);
  CHECK(s.at[1] == 2000 + 9000 && s.at[3] == 2000 + 1000);
  const orc_net_count n = orc_net_counted(s.net);
  CHECK(n.sent == 4 && n.arrived == 2 && n.dropped == 2);
  CHECK(n.sent_bytes == n.arrived_bytes + n.dropped_bytes);
  close_scene(&s);
  open_scene(&s, row(2, 1e-6));
  send(&s, 0, 1, 1000.0, 0);
  send(&s, 0, 1, 1000.0, 1); /* both on their way */
  orc_net_drop(s.net, mark, &s, 0);
  run_until(&s, 1000000);
  CHECK(s.at[0] < 0 && s.at[1] == 2000);
  close_scene(&s);
}

int main(void)
{
  RUN(alone);
  RUN(shared);
  RUN(chains);
  RUN(latency_holds_no_link);
  RUN(latency_then_meeting);
  RUN(nothing_to_carry);
  RUN(one_after_the_other);
  RUN(back_to_back);
  RUN(staircase);
  RUN(in_rounds);
  RUN(missing_route);
  RUN(dropped);
  return DONE();
}
