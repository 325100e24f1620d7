#include "net/flow.h"

#include <math.h>
#include <stdlib.h>

#include "net/agenda.h"
#include "net/share.h"

enum {
  NONE = UINT32_MAX,
  WHOLE = 8, /* the agenda is made anew when so much of it changes: one in so many */
};

/* ns: what lies closer together happens at once, and costs one solve. */
#define SAME_MOMENT 1e-3

/*
** Times are whole ns and a rest of half a ns at most: the clock knows the first, and the rest goes
** along (`since_rest`, `due_rest`), so that a chain of many short transfers does not drift.
**
** ALONE no other flows on its links: its end is known, and is an event of its own
** LATENT   on its way to a link others use: `due` is when its first byte is there
** SHARING  known to the solver: `due` is its end at the present rate
** SHARING and LATENT stand in an agenda of the network's, which has one event for its first. At one
** instant ends go before starts: who leaves a link does not meet who comes.
*/
typedef enum phase { PHASE_FREE, PHASE_ALONE, PHASE_SHARING, PHASE_LATENT } phase; /* 2 bits */

typedef struct transfer {
  const orc_route *route;
  double bytes;
  double left;       /* B at `since`, while SHARING */
  double rate;       /* B/s, while SHARING */
  orc_time since;    /* when its bytes begin to flow; SHARING: when `left` was true */
  double since_rest; /* ns */
  orc_time due;
  double due_rest; /* ns */
  uint64_t number; /* order of sending: breaks ties of `due` */
  orc_net_done *done;
  void *ctx;
  uint64_t arg;
  uint32_t next; /* FREE: the next free one */
  phase phase;
} transfer;

/* What each link knows of its transfers. */
typedef struct load {
  uint32_t under_way; /* all phases */
  uint32_t sharing;
  uint32_t alone; /* the transfer that is, or NONE */
  double carried;
} load;

/*
** Transfers that end alone at one time and were sent one right after the other have one event of
** the engine's: what happens, and in which order, is as if each had its own.
*/
typedef struct ticket {
  uint32_t slot, next; /* NONE: the last */
} ticket;

struct orc_net {
  orc_topology *topology;
  orc_engine *engine;
  orc_share *share;
  load *loads;
  transfer *transfers;
  orc_agenda agenda; /* of those that share or will: by (due, due_rest, phase, number) */
  ticket *tickets;
  uint32_t ticket_room, ticket_free, last_ticket;
  orc_time booked;          /* when the newest event of such a chain is due, */
  uint64_t booked_sequence; /* and the number of events then */
  uint32_t kind, room, free;
  bool unsettled; /* the set of sharing transfers changed since the last solve */
  bool contended;
  orc_time alarm;   /* of the earliest event set for the agenda; ORC_NEVER: none */
  double moment;    /* rest of the time at which the set last changed */
  double rest;      /* of the time at which is sent ... */
  uint64_t rest_in; /* ... while the engine handles this event; else it is 0 */
  orc_net_count count;
};

/* Subjects of events: 0 is the agenda's alarm, n + 1 the chain of ends that begins with ticket n.
 */
static void fire(void *self, uint32_t subject);

orc_net *orc_net_new(orc_topology *topology, orc_engine *engine, uint32_t kind)
{
  const int links = orc_topology_links(topology);
  orc_net *n = orc_alloc(1, sizeof *n);
  double *capacity = orc_alloc((size_t)links, sizeof *capacity);
  n->loads = orc_alloc((size_t)links, sizeof *n->loads);
  for (int i = 0; i < links; i++) {
    capacity[i] = orc_topology_link(topology, i)->bandwidth;
    n->loads[i].alone = NONE;
  }
  n->share = orc_share_new(capacity, links);
  free(capacity);
  n->topology = topology;
  n->engine = engine;
  n->kind = kind;
  n->free = NONE;
  n->ticket_free = NONE;
  n->booked = -1;
  n->alarm = ORC_NEVER;
  n->rest_in = UINT64_MAX;
  orc_engine_on(engine, kind, fire, n);
  return n;
}

void orc_net_free(orc_net *n)
{
  if (n == NULL) return;
  orc_share_free(n->share);
  free(n->loads);
  free(n->transfers);
  free(n->tickets);
  orc_agenda_done(&n->agenda);
  free(n);
}

orc_topology *orc_net_topology(const orc_net *n)
{
  return n->topology;
}

orc_engine *orc_net_engine(const orc_net *n)
{
  return n->engine;
}

orc_net_count orc_net_counted(const orc_net *n)
{
  return n->count;
}

double orc_net_carried(const orc_net *n, int link)
{
  ORC_ASSERT(link >= 0 && link < orc_topology_links(n->topology));
  return n->loads[link].carried;
}

bool orc_net_contended(const orc_net *n)
{
  return n->contended;
}

double orc_net_rest(const orc_net *n)
{
  return n->rest_in == n->engine->executed ? n->rest : 0.0;
}

void orc_net_carry_rest(orc_net *n, double rest)
{
  ORC_ASSERT(rest >= -0.5 && rest <= 0.5);
  n->rest = rest;
  n->rest_in = n->engine->executed;
}

/* `ns` >= -0.5 after `from`: the nearest whole ns, and the rest. What does not fit never comes. */
static orc_time later(orc_time from, double ns, double *rest)
{
  *rest = 0.0;
  if (!(ns < 9e18) || from > INT64_MAX - (orc_time)ns - 1) return ORC_NEVER;
  const orc_time whole = (orc_time)(ns + 0.5);
  *rest = ns - (double)whole;
  return from + whole;
}

/* ---- transfers that share or will ---- */

static orc_due due_of(const orc_net *n, uint32_t slot)
{
  const transfer *f = &n->transfers[slot];
  return (orc_due){
    .time = f->due, .rest = f->due_rest, .order = (uint64_t)f->phase << 62 | f->number, .slot = slot
  };
}

/* `due` of so many transfers is new: in one go where they are much of the agenda. */
static void reschedule(orc_net *n, const uint32_t *slots, uint32_t count)
{
  const bool all = count >= n->agenda.count / WHOLE;
  for (uint32_t i = 0; i < count; i++) {
    const orc_due due = due_of(n, slots[i]);
    if (all)
      orc_agenda_add(&n->agenda, &due);
    else
      orc_agenda_put(&n->agenda, &due);
  }
  if (all && count > 0) orc_agenda_order(&n->agenda);
}

/* Have the event that the agenda's first needs. An earlier one finds nothing to do and sets it. */
static void arm(orc_net *n)
{
  if (n->agenda.count == 0) return;
  const orc_time due = orc_agenda_first(&n->agenda)->time;
  if (due >= n->alarm) return;
  n->alarm = due;
  orc_engine_at(n->engine, due, ORC_CLASS_TRANSFER, n->kind, 0);
}

/* ---- the life of a transfer ---- */

static uint32_t take(orc_net *n)
{
  if (n->free == NONE) {
    const uint32_t room = orc_more_room(n->room, 64);
    n->transfers = orc_resize(n->transfers, room, sizeof *n->transfers);
    orc_agenda_reserve(&n->agenda, room);
    for (uint32_t i = room; i-- > n->room;) {
      n->transfers[i] = (transfer){ .phase = PHASE_FREE, .next = n->free };
      n->free = i;
    }
    n->room = room;
  }
  const uint32_t slot = n->free;
  n->free = n->transfers[slot].next;
  return slot;
}

static uint32_t take_ticket(orc_net *n, uint32_t slot)
{
  if (n->ticket_free == NONE) {
    const uint32_t room = orc_more_room(n->ticket_room, 64);
    n->tickets = orc_resize(n->tickets, room, sizeof *n->tickets);
    for (uint32_t i = room; i-- > n->ticket_room;) {
      n->tickets[i].next = n->ticket_free;
      n->ticket_free = i;
    }
    n->ticket_room = room;
  }
  const uint32_t t = n->ticket_free;
  n->ticket_free = n->tickets[t].next;
  n->tickets[t] = (ticket){ .slot = slot, .next = NONE };
  return t;
}

/* Have the end of a transfer that is alone. */
static void book(orc_net *n, uint32_t slot, orc_time due)
{
  const uint32_t t = take_ticket(n, slot);
  if (due == n->booked && n->engine->sequence == n->booked_sequence) {
    n->tickets[n->last_ticket].next = t;
  } else {
    orc_engine_at(n->engine, due, ORC_CLASS_TRANSFER, n->kind, t + 1);
    n->booked = due;
    n->booked_sequence = n->engine->sequence;
  }
  n->last_ticket = t;
}

/* Its bytes begin to flow at `since`, and no other's do on its links. */
static void go_alone(orc_net *n, uint32_t slot)
{
  transfer *f = &n->transfers[slot];
  f->phase = PHASE_ALONE;
  f->due = later(f->since, f->since_rest + f->bytes * f->route->ns_per_byte, &f->due_rest);
  for (int h = 0; h < f->route->hops; h++)
    n->loads[f->route->links[h]].alone = slot;
  book(n, slot, f->due);
}

static void await_start(orc_net *n, uint32_t slot)
{
  transfer *f = &n->transfers[slot];
  f->phase = PHASE_LATENT;
  f->due = f->since;
  f->due_rest = f->since_rest;
  const orc_due due = due_of(n, slot);
  orc_agenda_put(&n->agenda, &due);
}

static void go_sharing(orc_net *n, uint32_t slot, double left)
{
  transfer *f = &n->transfers[slot];
  f->phase = PHASE_SHARING;
  f->left = left;
  f->rate = 0.0;
  f->since = n->engine->now;
  f->since_rest = n->moment;
  orc_share_add(n->share, slot, f->route->links, f->route->hops);
  for (int h = 0; h < f->route->hops; h++)
    n->loads[f->route->links[h]].sharing++;
  n->unsettled = true;
}

/* Another comes to its links: its end is open again. The event it had finds it changed. */
static void disturb(orc_net *n, uint32_t slot)
{
  transfer *f = &n->transfers[slot];
  const orc_time now = n->engine->now;
  for (int h = 0; h < f->route->hops; h++)
    n->loads[f->route->links[h]].alone = NONE;
  if (f->since > now) {
    await_start(n, slot);
    return;
  }
  const double ns = (double)(now - f->since) + (n->moment - f->since_rest);
  const double flowed = fmax(0.0, ns) / f->route->ns_per_byte;
  go_sharing(n, slot, fmax(0.0, f->bytes - flowed));
}

/* All bytes are there: give everything back, then tell the sender. */
static void finish(orc_net *n, uint32_t slot)
{
  transfer *f = &n->transfers[slot];
  const orc_route *r = f->route;
  const bool shared = f->phase == PHASE_SHARING;
  const double bytes = f->bytes;
  const int hops = r->hops;
  for (int h = 0; h < hops; h++) {
    load *l = &n->loads[r->links[h]];
    l->under_way--;
    l->sharing -= shared;
    if (!shared) l->alone = NONE;
    l->carried += bytes;
  }
  if (shared) {
    orc_share_remove(n->share, slot);
    n->unsettled = true;
    n->moment = f->due_rest;
  }
  n->count.arrived++;
  n->count.arrived_bytes += bytes;
  f->phase = PHASE_FREE;
  f->next = n->free;
  n->free = slot;
  orc_net_carry_rest(n, f->due_rest);
  f->done(f->ctx, f->arg); /* last: it may send, and take this very slot */
}

/* The first byte is there. */
static void start(orc_net *n, uint32_t slot)
{
  const orc_route *r = n->transfers[slot].route;
  const orc_time now = n->engine->now;
  uint32_t others = 0;
  for (int h = 0; h < r->hops; h++) { /* who ends now does not meet it; who also starts now does */
    const uint32_t alone = n->loads[r->links[h]].alone;
    if (alone == NONE) continue;
    if (n->transfers[alone].due <= now && n->transfers[alone].since < now) finish(n, alone);
  }
  n->moment = n->transfers[slot].due_rest;
  for (int h = 0; h < r->hops; h++) {
    const load *on = &n->loads[r->links[h]];
    if (on->alone != NONE) disturb(n, on->alone);
    others += on->sharing;
  }
  if (others == 0) {
    go_alone(n, slot);
    return;
  }
  n->contended = true;
  go_sharing(n, slot, n->transfers[slot].bytes);
}

void orc_net_send(orc_net *n, const orc_route *route, double bytes, orc_net_done *done, void *ctx,
                  uint64_t arg)
{
  ORC_ASSERT(bytes >= 0.0);
  const uint32_t slot = take(n);
  transfer *f = &n->transfers[slot];
  f->route = route;
  f->bytes = bytes;
  f->number = n->count.sent++;
  f->done = done;
  f->ctx = ctx;
  f->arg = arg;
  f->since = later(n->engine->now, orc_net_rest(n) + route->delay, &f->since_rest);
  n->count.sent_bytes += bytes;
  uint32_t others = 0;
  for (int h = 0; h < route->hops; h++)
    others += n->loads[route->links[h]].under_way++;
  if (others == 0) {
    go_alone(n, slot);
  } else {
    await_start(n, slot);
    arm(n);
  }
}

/* It goes no further. The event it had finds it changed. */
static void drop(orc_net *n, uint32_t slot)
{
  transfer *f = &n->transfers[slot];
  const bool shared = f->phase == PHASE_SHARING;
  for (int h = 0; h < f->route->hops; h++) {
    load *l = &n->loads[f->route->links[h]];
    l->under_way--;
    l->sharing -= shared;
    if (f->phase == PHASE_ALONE) l->alone = NONE;
  }
  if (orc_agenda_has(&n->agenda, slot)) orc_agenda_remove(&n->agenda, slot);
  if (shared) {
    orc_share_remove(n->share, slot);
    n->unsettled = true;
    n->moment = 0.0;
  }
  n->count.dropped++;
  n->count.dropped_bytes += f->bytes;
  f->phase = PHASE_FREE;
  f->next = n->free;
  n->free = slot;
}

/* ---- events ---- */

/* Bring the rates up to date, and the ends that follow from them. */
static void settle(orc_net *n)
{
  if (!n->unsettled) return;
  n->unsettled = false;
  const uint32_t *changed;
  const int changes = orc_share_solve(n->share, &changed);
  const orc_time now = n->engine->now;
  n->count.solved++;
  for (int i = 0; i < changes; i++) {
    transfer *f = &n->transfers[changed[i]];
    const double ns = (double)(now - f->since) + (n->moment - f->since_rest);
    f->left = fmax(0.0, f->left - f->rate * 1e-9 * ns);
    f->since = now;
    f->since_rest = n->moment;
    f->rate = orc_share_rate(n->share, changed[i]);
    f->due = later(now, n->moment + f->left * 1e9 / f->rate, &f->due_rest);
  }
  reschedule(n, changed, (uint32_t)changes);
}

void orc_net_drop(orc_net *n, orc_net_done *done, const void *ctx, uint64_t arg)
{
  for (uint32_t i = 0; i < n->room; i++) {
    const transfer *f = &n->transfers[i];
    if (f->phase != PHASE_FREE && f->done == done && f->ctx == ctx && f->arg == arg) drop(n, i);
  }
  settle(n);
  arm(n);
}

/* The event of a transfer that was alone; or that a disturbed one left behind, for the transfer that is here
 * now. */
static void end_alone(orc_net *n, uint32_t slot)
{
  const transfer *f = &n->transfers[slot];
  const orc_time now = n->engine->now;
  if (f->phase != PHASE_ALONE || f->due != now) return;
  uint32_t under_way = 0;
  const int hops = f->since == now ? f->route->hops : 0;
  for (int h = 0; h < hops; h++)
    if (n->loads[f->route->links[h]].under_way > under_way)
      under_way = n->loads[f->route->links[h]].under_way;
  if (under_way < 2) {
    finish(n, slot);
    return;
  }
  /* It lasts less than a ns, and others may begin in the same one: they share. */
  n->moment = f->since_rest;
  disturb(n, slot);
  settle(n);
  arm(n);
}

static void end_chain(orc_net *n, uint32_t first)
{
  n->booked = -1; /* no transfer joins it any more */
  for (uint32_t t = first; t != NONE;) {
    const ticket here = n->tickets[t];
    n->tickets[t].next = n->ticket_free;
    n->ticket_free = t;
    if (t != first) n->engine->executed++;
    t = here.next;
    end_alone(n, here.slot);
  }
}

static void fire(void *self, uint32_t subject)
{
  orc_net *n = self;
  const orc_time now = n->engine->now;
  if (subject > 0) {
    end_chain(n, subject - 1);
    return;
  }
  if (n->alarm > now) return;
  n->alarm = ORC_NEVER;
  bool first = true;
  for (const orc_due *due; (due = orc_agenda_first(&n->agenda)) != NULL && due->time <= now;) {
    const uint32_t slot = due->slot;
    if (n->unsettled && n->transfers[slot].due_rest > n->moment + SAME_MOMENT) {
      settle(n);
      continue;
    }
    orc_agenda_remove(&n->agenda, slot);
    if (n->transfers[slot].phase == PHASE_LATENT) {
      start(n, slot);
    } else { /* each end is an event, though several share the alarm */
      if (!first) n->engine->executed++;
      first = false;
      finish(n, slot);
    }
  }
  settle(n);
  arm(n);
}
