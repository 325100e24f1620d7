/*
** Laws of max-min sharing, on random sets of flows over random links that come and go:
** - no link carries more than it can;
** - every flow has a bottleneck: a full link on which nobody is faster;
** - solving step by step gives what solving from nothing gives;
** - the flows that crossed nothing in common with a change keep their rate bit for bit;
** - and so do those that are slower than the flow that comes or goes.
*/
#include "net/share.h"
#include "base/rng.h"

#include "test.h"

enum { LINKS = 24, FLOWS = 96, HOPS = 5, CASES = 200, CHANGES = 30 };

typedef struct world {
  double capacity[LINKS];
  int32_t route[FLOWS][HOPS];
  int hops[FLOWS]; /* 0: the flow is not in */
  int links;
} world;

static void open_flow(world *w, orc_rng *r, int f)
{
  const int hops = 1 + (int)orc_rng_below(r, (uint64_t)(w->links < HOPS ? w->links : HOPS));
  for (int h = 0; h < hops; h++) {
    int32_t link;
    bool again;
    do {
      link = (int32_t)orc_rng_below(r, (uint64_t)w->links);
      again = false;
      for (int k = 0; k < h; k++)
        again |= w->route[f][k] == link;
    } while (again);
    w->route[f][h] = link;
  }
  w->hops[f] = hops;
}

static void loads(const world *w, const orc_share *s, double *load)
{
  for (int l = 0; l < w->links; l++)
    load[l] = 0.0;
  for (uint32_t f = 0; f < FLOWS; f++)
    for (int h = 0; h < w->hops[f]; h++)
      load[w->route[f][h]] += orc_share_rate(s, f);
}

static bool fastest(const world *w, const orc_share *s, uint32_t f, int32_t link)
{
  for (uint32_t g = 0; g < FLOWS; g++)
    for (int h = 0; h < w->hops[g]; h++)
      if (w->route[g][h] == link && orc_share_rate(s, g) > orc_share_rate(s, f) * (1.0 + 1e-9))
        return false;
  return true;
}

static bool has_bottleneck(const world *w, const orc_share *s, const double *load, uint32_t f)
{
  for (int h = 0; h < w->hops[f]; h++) {
    const int32_t l = w->route[f][h];
    if (load[l] >= w->capacity[l] * (1.0 - 1e-9) && fastest(w, s, f, l)) return true;
  }
  return false;
}

/* Returns whether the state of the solver is the max-min fair one. */
static bool fair(const world *w, const orc_share *s)
{
  double load[LINKS];
  loads(w, s, load);
  for (int l = 0; l < w->links; l++)
    if (load[l] > w->capacity[l] * (1.0 + 1e-9)) return false;
  for (uint32_t f = 0; f < FLOWS; f++)
    if (w->hops[f] > 0 && !has_bottleneck(w, s, load, f)) return false;
  return true;
}

/* Returns whether a solver that sees all flows for the first time finds the same rates. */
static bool as_from_nothing(const world *w, const orc_share *s)
{
  const uint32_t *changed;
  orc_share *fresh = orc_share_new(w->capacity, w->links);
  for (uint32_t f = 0; f < FLOWS; f++)
    if (w->hops[f] > 0) orc_share_add(fresh, f, w->route[f], w->hops[f]);
  orc_share_solve(fresh, &changed);
  bool same = true;
  for (uint32_t f = 0; f < FLOWS; f++)
    if (w->hops[f] > 0) same &= fabs(orc_share_rate(fresh, f) / orc_share_rate(s, f) - 1.0) < 1e-9;
  orc_share_free(fresh);
  return same;
}

static void one_case(uint64_t index)
{
  orc_rng r = orc_rng_stream(1, ORC_FOR_TESTS, index);
  world w = { .links = 1 + (int)orc_rng_below(&r, LINKS) };
  for (int l = 0; l < w.links; l++)
    w.capacity[l] = 0.1 + 10.0 * orc_rng_uniform(&r);
  if (index % 3 == 0) /* many ties */
    for (int l = 0; l < w.links; l++)
      w.capacity[l] = (double)(1 + orc_rng_below(&r, 3));
  orc_share *s = orc_share_new(w.capacity, w.links);
  bool all_fair = true, all_same = true;
  for (int change = 0; change < CHANGES; change++) {
    const uint64_t batch = 1 + orc_rng_below(&r, 8);
    for (uint64_t i = 0; i < batch; i++) {
      const uint32_t f = (uint32_t)orc_rng_below(&r, FLOWS);
      if (w.hops[f] > 0) {
        orc_share_remove(s, f);
        w.hops[f] = 0;
      } else {
        open_flow(&w, &r, (int)f);
        orc_share_add(s, f, w.route[f], w.hops[f]);
      }
    }
    const uint32_t *changed;
    orc_share_solve(s, &changed);
    all_fair &= fair(&w, s);
    all_same &= as_from_nothing(&w, s);
  }
  CLAIM("shares are max-min fair");
  CHECK(all_fair);
  CLAIM("shares are those solved from nothing");
  CHECK(all_same);
  orc_share_free(s);
}

/* One flow goes and comes back, again and again: what is slower than it does not notice. */
static void slower_flows_stay(uint64_t index)
{
  orc_rng r = orc_rng_stream(2, ORC_FOR_TESTS, index);
  world w = { .links = LINKS };
  for (int l = 0; l < w.links; l++)
    w.capacity[l] = 0.1 + 10.0 * orc_rng_uniform(&r);
  orc_share *s = orc_share_new(w.capacity, w.links);
  const uint32_t *changed;
  for (uint32_t f = 0; f < FLOWS; f++) {
    open_flow(&w, &r, (int)f);
    orc_share_add(s, f, w.route[f], w.hops[f]);
  }
  orc_share_solve(s, &changed);
  bool stayed = true;
  for (int change = 0; change < CHANGES; change++) {
    const uint32_t gone = (uint32_t)orc_rng_below(&r, FLOWS);
    double before[FLOWS];
    for (uint32_t f = 0; f < FLOWS; f++)
      before[f] = orc_share_rate(s, f);
    orc_share_remove(s, gone);
    for (int back = 0; back < 2; back++) {
      if (back == 1) orc_share_add(s, gone, w.route[gone], w.hops[gone]);
      orc_share_solve(s, &changed);
      for (uint32_t f = 0; f < FLOWS; f++)
        if (f != gone && before[f] < before[gone] * (1.0 - 1e-6))
          stayed &= orc_share_rate(s, f) == before[f];
    }
    CLAIM("shares are max-min fair");
    CHECK(fair(&w, s));
    CLAIM("shares are those solved from nothing");
    CHECK(as_from_nothing(&w, s));
  }
  CLAIM("what is slower than a flow does not notice it");
  CHECK(stayed);
  orc_share_free(s);
}

/* A flow split in two over the same route moves as many bytes per second as before, or more, and
** alone on its route exactly as many. */
static void two_halves_are_one(void)
{
  const uint32_t *changed;
  const int32_t route[] = { 0, 1 };
  orc_share *s = orc_share_new((const double[]){ 3.0, 5.0 }, 2);
  orc_share_add(s, 0, route, 2);
  orc_share_solve(s, &changed);
  const double whole = orc_share_rate(s, 0);
  orc_share_remove(s, 0);
  orc_share_add(s, 1, route, 2);
  orc_share_add(s, 2, route, 2);
  orc_share_solve(s, &changed);
  CHECK(orc_share_rate(s, 1) + orc_share_rate(s, 2) == whole);
  orc_share_free(s);
}

int main(void)
{
  for (uint64_t i = 0; i < CASES; i++)
    one_case(i);
  for (uint64_t i = 0; i < CASES / 10; i++)
    slower_flows_stay(i);
  RUN(two_halves_are_one);
  return DONE();
}
