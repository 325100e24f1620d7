#include "cost/all_reduce.h"

bool orc_all_reduce_check(orc_algorithm a, int ranks, orc_error *e)
{
  if (a == ORC_ALGORITHM_BRUCK)
    return orc_fail(e, "all_reduce: bruck gathers and exchanges only; ring, tree, halving, direct, "
                       "hierarchical, in_switch or auto expected");
  if (a == ORC_ALGORITHM_HALVING && (ranks & (ranks - 1)) != 0)
    return orc_fail(
        e, "all_reduce: halving needs 2, 4, 8, 16 ... ranks, tensor_parallel_size is %d", ranks);
  return true;
}

orc_all_reduce orc_all_reduce_of(orc_algorithm a, const orc_group *g)
{
  const orc_fabric f = { .near = *g };
  orc_all_reduce r = { .ranks = g->ranks };
  for (orc_algorithm i = 0; i < ORC_ALGORITHMS; i++)
    if ((a == ORC_ALGORITHM_AUTO || a == i) &&
        orc_collective_offers(ORC_COLLECTIVE_ALL_REDUCE, i, &f))
      r.ways[r.count++] = (orc_way){ .algorithm = i, .fabric = f };
  if (r.count == 0) r.ways[r.count++] = (orc_way){ .algorithm = ORC_ALGORITHM_RING, .fabric = f };
  return r;
}

orc_all_reduce orc_all_reduce_measured(const orc_regimes *measured, const orc_fabric *f)
{
  ORC_ASSERT(measured->count > 0);
  return (orc_all_reduce){ .ranks = orc_fabric_ranks(f),
                           .count = 1,
                           .ways = { { .algorithm = ORC_ALGORITHM_RING, .fabric = *f } },
                           .measured = *measured };
}

static double time_of(const orc_way *w, double bytes)
{
  if (w->algorithm == ORC_ALGORITHM_RING && !w->fabric.near.loggp)
    return orc_collective_ring_allreduce(&w->fabric.near, bytes);
  return orc_collective_time(ORC_COLLECTIVE_ALL_REDUCE, w->algorithm, &w->fabric, bytes);
}

const orc_way *orc_all_reduce_way(const orc_all_reduce *r, double bytes)
{
  const orc_way *best = r->ways;
  if (r->count == 1) return best;
  double least = time_of(best, bytes);
  for (int i = 1; i < r->count; i++) {
    const double time = time_of(&r->ways[i], bytes);
    if (time >= least) continue;
    least = time;
    best = &r->ways[i];
  }
  return best;
}

double orc_all_reduce_time(const orc_all_reduce *r, double bytes)
{
  if (r->ranks == 1) return 0.0;
  if (r->measured.count > 0) return orc_regimes_time(&r->measured, bytes);
  return time_of(orc_all_reduce_way(r, bytes), bytes);
}
