#include "device/messages.h"

#include <math.h>
#include <stdlib.h>

void orc_messages_init(orc_messages *m)
{
  *m = (orc_messages){ .bytes = -1.0 };
}

void orc_messages_done(orc_messages *m)
{
  free(m->first);
  free(m->all);
  orc_messages_init(m);
}

static void clear(orc_messages *m, double bytes, int rounds)
{
  if (rounds + 1 > m->round_room) {
    m->round_room = rounds + 1;
    m->first = orc_resize(m->first, (size_t)m->round_room, sizeof *m->first);
  }
  m->bytes = bytes;
  m->rounds = rounds;
  m->most = 0;
  m->count = 0;
  m->begun = 0;
  m->first[0] = 0;
}

/* Rounds up to `round` begin here, unless they have begun. */
static void begin(orc_messages *m, int round)
{
  while (m->begun < round) {
    const int many = m->count - m->first[m->begun];
    if (many > m->most) m->most = many;
    m->first[++m->begun] = m->count;
  }
}

/* Rounds come in order. After the last message: begin(m, m->rounds). */
static void add(orc_messages *m, int round, orc_message message)
{
  if (m->count == m->room) {
    m->room = m->room > 0 ? 2 * m->room : 64;
    m->all = orc_resize(m->all, (size_t)m->room, sizeof *m->all);
  }
  begin(m, round);
  m->all[m->count++] = message;
}

/* ---- all-reduces ---- */

static uint32_t rank_of(int rank)
{
  return rank == ORC_RANK_SWITCH ? ORC_ELSEWHERE : (uint32_t)rank;
}

/* Messages of the round that have an end in common with `one`, at most: it shares a port so often.
 */
static int sharers(const orc_messages *m, int round, const orc_message *one)
{
  int out = 0, in = 0;
  for (int i = m->first[round]; i < m->first[round + 1]; i++) {
    out += m->all[i].from == one->from;
    in += m->all[i].to == one->to;
  }
  return out > in ? out : in;
}

static double takes(const orc_fabric *f, const orc_schedule *s, const orc_transfer *t, int sharing)
{
  if (t->from == ORC_RANK_SWITCH || t->to == ORC_RANK_SWITCH)
    return 0.5 * f->near.latency + t->bytes / f->near.bandwidth;
  if (f->far.ranks > 1 && t->from / s->per_host != t->to / s->per_host)
    return f->far.latency + t->bytes / f->far.bandwidth;
  const double port = f->port > 0.0 ? f->port : f->near.bandwidth;
  double flow = t->bytes / f->near.bandwidth;
  if (sharing > 1) flow = fmax(flow, sharing * t->bytes / port);
  return f->near.latency + flow;
}

/* Of what was measured as a whole: one round, in which each rank hears of its neighbour. */
static void measured_round(orc_messages *m, double bytes, int ranks, double seconds, bool outside)
{
  clear(m, bytes, 1);
  m->ring = false;
  for (int i = 0; i < ranks; i++)
    add(m, 0,
        (orc_message){ .from = (uint32_t)i,
                       .to = outside ? ORC_ELSEWHERE : (uint32_t)((i + 1) % ranks),
                       .takes = seconds });
  begin(m, 1);
}

void orc_messages_reduce(orc_messages *m, const orc_all_reduce *r, double bytes)
{
  if (m->bytes == bytes) return;
  if (r->measured.count > 0) {
    measured_round(m, bytes, r->ranks, orc_all_reduce_time(r, bytes), false);
    return;
  }
  const orc_way *way = orc_all_reduce_way(r, bytes);
  const orc_schedule s =
      orc_schedule_of(ORC_COLLECTIVE_ALL_REDUCE, way->algorithm, &way->fabric, bytes);
  clear(m, bytes, s.rounds);
  m->ring = way->algorithm == ORC_ALGORITHM_RING;
  orc_transfer t;
  for (orc_schedule at = s; orc_schedule_next(&at, &t);)
    add(m, t.round, (orc_message){ .from = rank_of(t.from), .to = rank_of(t.to) });
  begin(m, m->rounds);
  int i = 0;
  const bool alone = m->ring || way->algorithm == ORC_ALGORITHM_IN_SWITCH;
  for (orc_schedule at = s; orc_schedule_next(&at, &t); i++)
    m->all[i].takes = takes(&way->fabric, &s, &t, alone ? 1 : sharers(m, t.round, &m->all[i]));
}

/* ---- exchanges ---- */

void orc_messages_exchange(orc_messages *m, const orc_exchange *x, int devices)
{
  if (m->bytes == x->bytes) return;
  if (x->measured > 0.0) {
    measured_round(m, x->bytes, devices, x->measured, true);
    return;
  }
  const orc_fabric f = { .near = x->group };
  orc_schedule s = orc_schedule_of(x->collective, ORC_ALGORITHM_RING, &f, x->bytes);
  clear(m, x->bytes, s.rounds);
  orc_transfer t; /* every rank does what rank 0 does */
  while (orc_schedule_next(&s, &t)) {
    if (t.from > 0) continue;
    const double time = x->group.latency + t.bytes / x->group.bandwidth;
    for (int i = 0; i < devices; i++)
      add(m, t.round, (orc_message){ .from = (uint32_t)i, .to = ORC_ELSEWHERE, .takes = time });
  }
  begin(m, m->rounds);
}
