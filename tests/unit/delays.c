/* delays.c - whole nanoseconds divided and cut, and the request at a percentile. */
#include "obs/delays.h"

#include "base/rng.h"
#include "obs/latencies.h"

#include "test.h"

static int64_t pick(orc_rng *g, int64_t least, int64_t most)
{
  return least + (int64_t)(orc_rng_uniform(g) * (double)(most - least + 1));
}

static orc_time sum(const orc_time *list, int n)
{
  orc_time all = 0;
  for (int i = 0; i < n; i++)
    all += list[i];
  return all;
}

static void divides_by_weights(void)
{
  orc_time out[4];
  orc_delays_divide((double[]){ 1.0, 0.0, 2.0, 1.0 }, 4, 100, out);
  CHECK(out[0] == 25 && out[1] == 0 && out[2] == 50 && out[3] == 25);
  orc_delays_divide((double[]){ 1.0, 1.0, 1.0, 0.0 }, 4, 100, out);
  CHECK(out[0] == 33 && out[1] == 34 && out[2] == 33 && out[3] == 0);
  orc_delays_divide((double[]){ 0.0, 0.0, 0.0, 0.0 }, 4, 7, out);
  CHECK(out[3] == 7);
}

static void shares_add_up(void)
{
  orc_rng g = orc_rng_stream(1, ORC_FOR_TESTS, 1);
  for (int k = 0; k < 2000; k++) {
    double weights[ORC_DELAYS];
    orc_time out[ORC_DELAYS];
    for (int i = 0; i < ORC_DELAYS; i++)
      weights[i] = pick(&g, 0, 2) == 0 ? 0.0 : orc_rng_uniform(&g) * 1e-3;
    const orc_time whole = pick(&g, 0, 1) == 0 ? pick(&g, 0, 30) : pick(&g, 0, (int64_t)1 << 45);
    orc_delays_divide(weights, ORC_DELAYS, whole, out);
    CHECK(sum(out, ORC_DELAYS) == whole);
    for (int i = 0; i < ORC_DELAYS; i++)
      CHECK(out[i] >= 0);
  }
}

/* What is cut at several places is never below 0 between two of them, and adds up. */
static void parts_add_up(void)
{
  orc_rng g = orc_rng_stream(1, ORC_FOR_TESTS, 2);
  for (int k = 0; k < 2000; k++) {
    orc_delays d = { { 0 }, { 0 } };
    for (int i = 0; i < ORC_DELAYS; i++)
      d.at[i] = pick(&g, 0, 1) * pick(&g, 0, 1000);
    const orc_time whole = orc_delays_total(&d);
    d.by[ORC_BINDING_MEMORY] = whole;
    if (whole == 0) continue;
    const orc_time part = pick(&g, 0, whole);
    const orc_delays before = orc_delays_part(&d, whole, part);
    CHECK(orc_delays_total(&before) == part && before.by[ORC_BINDING_MEMORY] == part);
    orc_delays after = d;
    orc_delays_subtract(&after, &before);
    for (int i = 0; i < ORC_DELAYS; i++)
      CHECK(before.at[i] >= 0 && after.at[i] >= 0);
    orc_delays_add(&after, &before);
    CHECK(orc_delays_total(&after) == whole);
  }
}

static void names_are_apart(void)
{
  for (int i = 0; i < ORC_DELAYS; i++)
    for (int j = 0; j < i; j++)
      CHECK(strcmp(orc_delay_name((orc_delay)i), orc_delay_name((orc_delay)j)) != 0);
  for (int i = 0; i < ORC_BINDINGS; i++)
    CHECK(orc_binding_name((orc_binding)i)[0] != '\0');
}

static void finds_the_request_at_a_percentile(void)
{
  orc_latencies l = { { 0 }, { 0 } };
  CHECK(orc_latencies_at(&l.ttft, 50.0) == NULL);
  for (int i = 0; i < 100; i++)
    orc_latencies_add(&l, &(orc_record){ .number = (uint64_t)i,
                                         .arrival = 10,
                                         .first_token = 1000 - 10 * (i / 2),
                                         .completion = 5000,
                                         .status = i % 10 == 0 ? ORC_TIMEOUT : ORC_SUCCESS,
                                         .counted = i >= 2 });
  CHECK(l.ttft.count == 98 &&
        l.e2e.count == 89); /* the warm-up's two, and those that did not end well */
  const orc_latency *last = orc_latencies_at(&l.ttft, 100.0);
  CHECK(last->time == 980 && last->number == 2); /* of two alike the first */
  CHECK(orc_latencies_at(&l.ttft, 1.0)->number == 98);
  CHECK(orc_latencies_at(&l.ttft, 50.0)->time == 980 - 10 * 24);
  CHECK(orc_latencies_at(&l.e2e, 99.0)->time == 4990);
  orc_latencies_done(&l);
}

int main(void)
{
  RUN(divides_by_weights);
  RUN(shares_add_up);
  RUN(parts_add_up);
  RUN(names_are_apart);
  RUN(finds_the_request_at_a_percentile);
  return DONE();
}
