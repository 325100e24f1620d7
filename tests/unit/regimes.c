#include "cost/regimes.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "cost/all_reduce.h"
#include "test.h"

/* 5 us + 4 ps/B below 1,000 B; 9 us + 2 ps/B below 1 MB; then 1 us + 3 ps/B. */
static const orc_regimes three = {
  .count = 3, .of = { { 1e3, 5e-6, 4e-12 }, { 1e6, 9e-6, 2e-12 }, { HUGE_VAL, 1e-6, 3e-12 } }
};

static bool close(double a, double b)
{
  return fabs(a - b) <= 1e-12 * fabs(b);
}

static void each_line_up_to_its_limit(void)
{
  CHECK(close(orc_regimes_time(&three, 0.0), 5e-6));
  CHECK(close(orc_regimes_time(&three, 999.0), 5e-6 + 999.0 * 4e-12));
  CHECK(close(orc_regimes_time(&three, 1e3), 9e-6 + 1e3 * 2e-12));
  CHECK(close(orc_regimes_time(&three, 1e8), 1e-6 + 1e8 * 3e-12));
}

/* The third line is below the end of the second, 11 us, until 3.33 MB. */
static void what_would_fall_waits(void)
{
  CHECK(close(orc_regimes_time(&three, 1e6), 11e-6));
  CHECK(close(orc_regimes_time(&three, 3.3e6), 11e-6));
  CHECK(orc_regimes_time(&three, 3.4e6) > 11e-6);
}

static void bytes_flow_for_a_part_of_it(void)
{
  CHECK(close(orc_regimes_flow(&three, 2e3), 4e-9));
  CHECK(orc_regimes_flow(&three, 1e6) < orc_regimes_time(&three, 1e6));
}

static void never_falls(void)
{
  orc_rng r = orc_rng_stream(3, 1, 4);
  for (int k = 0; k < 500; k++) {
    orc_regimes g = { .count = 1 + (int)orc_rng_below(&r, ORC_REGIMES) };
    double below = 0.0;
    for (int i = 0; i < g.count; i++) {
      below += 1.0 + orc_rng_uniform(&r) * 1e6;
      g.of[i] = (orc_regime){ below, orc_rng_uniform(&r) * 1e-4, orc_rng_uniform(&r) * 1e-10 };
    }
    orc_error e;
    CHECK(orc_regimes_check(&g, &e));
    double last = 0.0;
    for (double b = 0.0; b < 1.2 * below; b += below / 97.0) {
      const double t = orc_regimes_time(&g, b);
      CHECK(t >= last);
      CHECK(orc_regimes_flow(&g, b) <= t);
      last = t;
    }
  }
}

static bool refused(orc_regime a, orc_regime b, const char *because)
{
  const orc_regimes r = { .count = 2, .of = { a, b } };
  orc_error e = { .code = 0 };
  return !orc_regimes_check(&r, &e) && strstr(e.msg, because) != NULL;
}

static void wrong_numbers_are_named(void)
{
  const orc_regime good = { 1e3, 1e-6, 1e-12 };
  CHECK(refused(good, good, "[2].below = 1000 B, expected more than 1000"));
  CHECK(refused((orc_regime){ 0.0, 1e-6, 0.0 }, good, "[1].below = 0 B"));
  CHECK(refused((orc_regime){ NAN, 1e-6, 0.0 }, good, "[1].below"));
  CHECK(refused(good, (orc_regime){ 2e3, -1e-6, 0.0 }, "[2]: -1e-06 s"));
  CHECK(refused(good, (orc_regime){ 2e3, 1e-6, INFINITY }, "[2]: 1e-06 s + inf"));
}

static void an_all_reduce_takes_them(void)
{
  const orc_fabric f = { .near = { .ranks = 4, .latency = 1e-6, .bandwidth = 1e11 } };
  const orc_all_reduce r = orc_all_reduce_measured(&three, &f);
  CHECK(r.ranks == 4 && r.count == 1 && r.ways[0].algorithm == ORC_ALGORITHM_RING);
  CHECK(orc_all_reduce_time(&r, 2e3) == orc_regimes_time(&three, 2e3));
  const orc_all_reduce plain = orc_all_reduce_of(ORC_ALGORITHM_RING, &f.near);
  CHECK(orc_all_reduce_time(&plain, 2e3) == orc_collective_ring_allreduce(&f.near, 2e3));
}

int main(void)
{
  RUN(each_line_up_to_its_limit);
  RUN(what_would_fall_waits);
  RUN(bytes_flow_for_a_part_of_it);
  RUN(never_falls);
  RUN(wrong_numbers_are_named);
  RUN(an_all_reduce_takes_them);
  return DONE();
}
