#include "cost/schedule.h"

/*
** Each algorithm is a function that says what slot `i` of a round does: a message, or nothing.
** Slots are ranks, or pairs of a rank and something else; so a schedule needs no memory of what
** it gave.
*/
typedef bool slot_of(const orc_schedule *s, int round, int i, orc_transfer *t);

static bool give(orc_transfer *t, int from, int to, double bytes)
{
  t->from = from;
  t->to = to;
  t->bytes = bytes;
  return true;
}

/* ceil(log2 p) */
static int height(int p)
{
  int h = 0;
  while (1 << h < p)
    h++;
  return h;
}

/* ---- rings ---- */

static bool ring(const orc_schedule *s, int round, int i, orc_transfer *t)
{
  (void)round;
  return give(t, i, (i + 1) % s->ranks, s->bytes / s->ranks);
}

static bool pairwise(const orc_schedule *s, int round, int i, orc_transfer *t)
{
  return give(t, i, (i + 1 + round) % s->ranks, s->bytes / s->ranks);
}

/* Piece q leaves rank i in round q + i. */
static bool chain(const orc_schedule *s, int round, int i, orc_transfer *t)
{
  const int piece = round - i;
  if (i + 1 >= s->ranks || piece < 0 || piece >= s->pieces) return false;
  return give(t, i, i + 1, s->bytes / s->pieces);
}

/* ---- halving, doubling, binomial trees ---- */

static bool halve(const orc_schedule *s, int round, int i, orc_transfer *t)
{
  return give(t, i, i ^ (s->ranks >> (round + 1)), s->bytes / (double)(2 << round));
}

static bool twofold(const orc_schedule *s, int round, int i, orc_transfer *t)
{
  return give(t, i, i ^ (1 << round), s->bytes / s->ranks * (double)(1 << round));
}

static bool halve_then_double(const orc_schedule *s, int round, int i, orc_transfer *t)
{
  const int h = height(s->ranks);
  return round < h ? halve(s, round, i, t) : twofold(s, round - h, i, t);
}

/* Who has a share hands the upper half of it on. */
static bool scatter(const orc_schedule *s, int round, int i, orc_transfer *t)
{
  const int reach = 1 << (height(s->ranks) - 1 - round);
  if (i % (2 * reach) != 0 || i + reach >= s->ranks) return false;
  const int left = s->ranks - i - reach;
  return give(t, i, i + reach, (left < reach ? left : reach) * (s->bytes / s->ranks));
}

static bool gather(const orc_schedule *s, int round, int i, orc_transfer *t)
{
  if (!scatter(s, s->rounds - 1 - round, i, t)) return false;
  return give(t, t->to, t->from, t->bytes);
}

static bool scatter_then_double(const orc_schedule *s, int round, int i, orc_transfer *t)
{
  const int h = height(s->ranks);
  return round < h ? scatter(s, round, i, t) : twofold(s, round - h, i, t);
}

static bool binomial(const orc_schedule *s, int round, int i, orc_transfer *t)
{
  const int reach = 1 << round;
  if (i >= reach || i + reach >= s->ranks) return false;
  return give(t, i, i + reach, s->bytes);
}

/* ---- Bruck ---- */

static bool bruck_gather(const orc_schedule *s, int round, int i, orc_transfer *t)
{
  const int reach = 1 << round, left = s->ranks - reach;
  return give(t, i, (i + left) % s->ranks, (left < reach ? left : reach) * (s->bytes / s->ranks));
}

/* Blocks whose number has bit `round` set go that far. */
static bool bruck_exchange(const orc_schedule *s, int round, int i, orc_transfer *t)
{
  const int reach = 1 << round, full = s->ranks / (2 * reach), rest = s->ranks % (2 * reach);
  const int blocks = full * reach + (rest > reach ? rest - reach : 0);
  return give(t, i, (i + reach) % s->ranks, blocks * (s->bytes / s->ranks));
}

/* ---- all at once ---- */

static bool direct(const orc_schedule *s, int round, int i, orc_transfer *t)
{
  (void)round;
  const int from = i / s->ranks, to = i % s->ranks;
  return from != to && give(t, from, to, s->bytes / s->ranks);
}

static bool from_root(const orc_schedule *s, int round, int i, orc_transfer *t)
{
  (void)round;
  const bool whole = s->collective == ORC_COLLECTIVE_BROADCAST;
  return i > 0 && give(t, 0, i, whole ? s->bytes : s->bytes / s->ranks);
}

static bool to_root(const orc_schedule *s, int round, int i, orc_transfer *t)
{
  (void)round;
  return i > 0 && give(t, i, 0, s->bytes / s->ranks);
}

static bool one_message(const orc_schedule *s, int round, int i, orc_transfer *t)
{
  (void)round;
  return i == 0 && give(t, 0, 1, s->bytes);
}

/* ---- two binary trees ---- */

/*
** The in-order tree: rank 0 is the root, and has one child; below, the subtree of a rank with `low`
** as its lowest bit holds the ranks less than `low` away. Where p cuts it off, the parent is the
** next rank down that is there.
*/
static int parent(int i, int p)
{
  const int low = i & -i, up = (i ^ low) | (low << 1);
  return up < p ? up : i ^ low;
}

static int depth(int i, int p)
{
  int d = 0;
  for (; i != 0; i = parent(i, p))
    d++;
  return d;
}

/*
** The second tree is the first mirrored (p even) or moved on by one: inner ranks become leaves. Of
** three ranks, moved on, both would have a link in common.
*/
static int renamed(int i, int p, bool second)
{
  if (!second) return i;
  return p % 2 == 0 || p == 3 ? p - 1 - i : (i + 1) % p;
}

/*
** Slots: rank by rank, the first tree's link to its parent and the second's. Reduction: the deepest
** send first, and each level one round later the same piece. Then the pieces come down likewise.
*/
static bool two_trees(const orc_schedule *s, int round, int i, orc_transfer *t)
{
  const int p = s->ranks, child = i / 2, half = s->rounds / 2;
  const bool second = i % 2 != 0, down = round >= half;
  if (child == 0) return false;
  const int d = depth(child, p);
  const int piece = down ? round - half - (d - 1) : round - (height(p) - d);
  if (piece < 0 || piece >= s->pieces) return false;
  const int low = renamed(child, p, second), high = renamed(parent(child, p), p, second);
  return give(t, down ? high : low, down ? low : high, s->bytes / (2.0 * s->pieces));
}

/* ---- hosts ---- */

static bool inside(const orc_schedule *s, int i, orc_transfer *t)
{
  const int n = s->per_host, host = i / n;
  return give(t, i, host * n + (i + 1) % n, s->bytes / n);
}

static bool across(const orc_schedule *s, int i, orc_transfer *t)
{
  return give(t, i, (i + s->per_host) % s->ranks, s->bytes / s->ranks);
}

static bool hierarchical(const orc_schedule *s, int round, int i, orc_transfer *t)
{
  const int n = s->per_host, m = s->ranks / n;
  switch (s->collective) {
  case ORC_COLLECTIVE_ALL_REDUCE:
    return round < n - 1 || round >= n - 1 + 2 * (m - 1) ? inside(s, i, t) : across(s, i, t);
  case ORC_COLLECTIVE_ALL_GATHER:
    return round < m - 1 ? across(s, i, t) : inside(s, i, t);
  default:
    return round < n - 1 ? inside(s, i, t) : across(s, i, t);
  }
}

/* ---- in the switch ---- */

/* Slots: p ways up, then p ways down. Bytes: all that passes a rank's cable in that direction. */
static bool in_switch(const orc_schedule *s, int round, int i, orc_transfer *t)
{
  (void)round;
  const int p = s->ranks, rank = i % p;
  const bool up = i < p;
  double bytes = s->bytes;
  switch (s->collective) {
  case ORC_COLLECTIVE_ALL_REDUCE:
    bytes += s->bytes / p;
    break;
  case ORC_COLLECTIVE_ALL_GATHER:
    if (up) bytes /= p;
    break;
  case ORC_COLLECTIVE_REDUCE_SCATTER:
    if (!up) bytes /= p;
    break;
  default: /* a broadcast: the root's bytes go up, everyone else's copy comes down */
    if (up != (rank == 0)) return false;
    break;
  }
  return give(t, up ? rank : ORC_RANK_SWITCH, up ? ORC_RANK_SWITCH : rank, bytes / s->rounds);
}

/* ---- which function, how many rounds, how many slots ---- */

typedef struct plan {
  slot_of *slot;
  int rounds, slots;
} plan;

static plan tree_plan(const orc_schedule *s)
{
  const int p = s->ranks, h = height(p);
  switch (s->collective) {
  case ORC_COLLECTIVE_ALL_REDUCE:
    return (plan){ two_trees, 2 * (h + s->pieces - 1), 2 * p };
  case ORC_COLLECTIVE_BROADCAST:
    return (plan){ binomial, h, p };
  default:
    return (plan){ s->collective == ORC_COLLECTIVE_GATHER ? gather : scatter, h, p };
  }
}

static plan halving_plan(const orc_schedule *s)
{
  const int p = s->ranks, h = height(p);
  switch (s->collective) {
  case ORC_COLLECTIVE_ALL_REDUCE:
    return (plan){ halve_then_double, 2 * h, p };
  case ORC_COLLECTIVE_BROADCAST:
    return (plan){ scatter_then_double, 2 * h, p };
  default:
    return (plan){ s->collective == ORC_COLLECTIVE_ALL_GATHER ? twofold : halve, h, p };
  }
}

static plan direct_plan(const orc_schedule *s)
{
  const int p = s->ranks;
  switch (s->collective) {
  case ORC_COLLECTIVE_ALL_REDUCE:
    return (plan){ direct, 2, p * p };
  case ORC_COLLECTIVE_BROADCAST:
  case ORC_COLLECTIVE_SCATTER:
    return (plan){ from_root, 1, p };
  case ORC_COLLECTIVE_GATHER:
    return (plan){ to_root, 1, p };
  case ORC_COLLECTIVE_SEND_RECV:
    return (plan){ one_message, 1, 1 };
  default:
    return (plan){ direct, 1, p * p };
  }
}

static plan ring_plan(const orc_schedule *s)
{
  const int p = s->ranks;
  switch (s->collective) {
  case ORC_COLLECTIVE_ALL_REDUCE:
    return (plan){ ring, 2 * (p - 1), p };
  case ORC_COLLECTIVE_BROADCAST:
    return (plan){ chain, p - 2 + s->pieces, p };
  case ORC_COLLECTIVE_ALL_TO_ALL:
    return (plan){ pairwise, p - 1, p };
  default:
    return (plan){ ring, p - 1, p };
  }
}

static plan hosts_plan(const orc_schedule *s)
{
  const int rounds = s->per_host - 1 + s->ranks / s->per_host - 1;
  return (plan){ hierarchical, s->collective == ORC_COLLECTIVE_ALL_REDUCE ? 2 * rounds : rounds,
                 s->ranks };
}

static plan plan_of(const orc_schedule *s)
{
  const bool exchange = s->collective == ORC_COLLECTIVE_ALL_TO_ALL;
  switch (s->algorithm) {
  case ORC_ALGORITHM_RING:
    return ring_plan(s);
  case ORC_ALGORITHM_TREE:
    return tree_plan(s);
  case ORC_ALGORITHM_HALVING:
    return halving_plan(s);
  case ORC_ALGORITHM_BRUCK:
    return (plan){ exchange ? bruck_exchange : bruck_gather, height(s->ranks), s->ranks };
  case ORC_ALGORITHM_DIRECT:
    return direct_plan(s);
  case ORC_ALGORITHM_HIERARCHICAL:
    return hosts_plan(s);
  case ORC_ALGORITHM_IN_SWITCH:
    return (plan){ in_switch, s->collective == ORC_COLLECTIVE_ALL_REDUCE ? 4 : 2, 2 * s->ranks };
  default:
    break;
  }
  orc_panic("unknown algorithm", __FILE__, __LINE__);
}

orc_schedule orc_schedule_of(orc_collective c, orc_algorithm a, const orc_fabric *f, double bytes)
{
  ORC_ASSERT(bytes >= 0.0 && orc_collective_offers(c, a, f));
  orc_schedule s = { .collective = c, .ranks = orc_fabric_ranks(f), .per_host = f->near.ranks };
  s.algorithm = a == ORC_ALGORITHM_AUTO ? orc_collective_cheapest(c, f, bytes) : a;
  s.bytes = bytes;
  s.pieces = orc_collective_pieces(c, s.algorithm, f, bytes);
  s.rounds = s.ranks > 1 ? plan_of(&s).rounds : 0;
  return s;
}

bool orc_schedule_next(void *schedule, orc_transfer *t)
{
  orc_schedule *s = schedule;
  if (s->round >= s->rounds) return false;
  const plan p = plan_of(s);
  for (; s->round < s->rounds; s->round++, s->slot = 0)
    while (s->slot < p.slots)
      if (p.slot(s, s->round, s->slot++, t)) {
        t->round = s->round;
        return true;
      }
  return false;
}
