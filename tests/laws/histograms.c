/* Laws of histograms: quantiles are those of the sorted values; order and grouping do not matter.
 */
#include <stdlib.h>

#include "base/hist.h"
#include "base/rng.h"
#include "test.h"

enum { MOST = 9000 };

/* Values as a simulation gives them: few or many distinct, close together or over magnitudes. */
static int64_t value(orc_rng *r, int kind)
{
  switch (kind) {
  case 0:
    return (int64_t)orc_rng_below(r, 10);
  case 1:
    return 5000000 + (int64_t)orc_rng_below(r, 3000);
  case 2:
    return (int64_t)(1e9 * orc_rng_exponential(r));
  default:
    return (int64_t)(orc_rng_next(r) >> (1 + orc_rng_below(r, 63)));
  }
}

static int ascending(const void *a, const void *b)
{
  const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

/* Up to 4096 distinct values: equal to the last bit, at every rank and between ranks. */
static bool exact_quantiles(uint64_t seed, int kind, size_t n)
{
  static int64_t v[MOST];
  orc_rng r = orc_rng_stream(seed, ORC_FOR_TESTS, (uint64_t)kind);
  orc_hist h = { 0 };
  for (size_t i = 0; i < n; i++) {
    v[i] = value(&r, kind);
    orc_hist_add(&h, v[i], 1);
  }
  qsort(v, n, sizeof v[0], ascending);
  bool ok = h.bucket == NULL;
  for (int i = 0; i <= 200; i++) {
    const double q = i / 200.0, rank = q * (double)(n - 1), t = rank - floor(rank);
    const size_t k = (size_t)rank;
    const double low = (double)v[k], high = (double)v[k + 1 < n ? k + 1 : k];
    const double x = t < 0.5 ? low + (high - low) * t : high - (high - low) * (1.0 - t);
    ok = ok && orc_hist_quantile(&h, q) == x;
  }
  orc_hist_done(&h);
  return ok;
}

static bool equal(orc_hist *a, orc_hist *b)
{
  bool ok = a->count == b->count && a->min == b->min && a->max == b->max;
  ok = ok && a->sum == b->sum && a->squares == b->squares;
  ok = ok && orc_hist_mean(a) == orc_hist_mean(b) && orc_hist_std(a) == orc_hist_std(b);
  for (int i = 0; i <= 100; i++)
    ok = ok && orc_hist_quantile(a, i / 100.0) == orc_hist_quantile(b, i / 100.0);
  return ok;
}

/* The same values forwards; backwards; dealt to five and merged up, or merged down. */
static bool order_does_not_matter(uint64_t seed, int kind, int n)
{
  static int64_t v[MOST];
  orc_rng r = orc_rng_stream(seed, ORC_FOR_TESTS, 10 + (uint64_t)kind);
  orc_hist forwards = { 0 }, backwards = { 0 }, up = { 0 }, down = { 0 }, part[5] = { { 0 } };
  for (int i = 0; i < n; i++)
    v[i] = value(&r, kind);
  for (int i = 0; i < n; i++) {
    orc_hist_add(&forwards, v[i], (uint64_t)(1 + i % 3));
    /* Shares that differ in size, so that some parts are sketches and some are not. */
    orc_hist_add(&part[i % 15 < 11 ? 0 : 1 + i % 4], v[i], (uint64_t)(1 + i % 3));
    if (i == n / 2) (void)orc_hist_quantile(&forwards, 0.5); /* looking changes nothing */
  }
  for (int i = n - 1; i >= 0; i--)
    for (int k = 0; k < 1 + i % 3; k++)
      orc_hist_add(&backwards, v[i], 1);
  for (int i = 0; i < 5; i++)
    orc_hist_merge(&up, &part[i]);
  for (int i = 4; i >= 0; i--)
    orc_hist_merge(&down, &part[i]);
  const bool ok = equal(&forwards, &backwards) && equal(&forwards, &up) && equal(&forwards, &down);
  orc_hist_done(&forwards);
  orc_hist_done(&backwards);
  orc_hist_done(&up);
  orc_hist_done(&down);
  for (int i = 0; i < 5; i++)
    orc_hist_done(&part[i]);
  return ok;
}

/* A quantile never falls as q grows, and lies between least and greatest. */
static bool quantiles_rise(uint64_t seed, int kind, int n)
{
  orc_rng r = orc_rng_stream(seed, ORC_FOR_TESTS, 20 + (uint64_t)kind);
  orc_hist h = { 0 };
  for (int i = 0; i < n; i++)
    orc_hist_add(&h, value(&r, kind), 1 + orc_rng_below(&r, 5));
  bool ok = orc_hist_quantile(&h, 0.0) == (double)h.min;
  ok = ok && orc_hist_quantile(&h, 1.0) == (double)h.max;
  double before = (double)h.min;
  for (int i = 0; i <= 5000; i++) {
    const double x = orc_hist_quantile(&h, i / 5000.0);
    ok = ok && x >= before && x <= (double)h.max;
    before = x;
  }
  orc_hist_done(&h);
  return ok;
}

int main(void)
{
  const int sizes[] = { 1, 2, 3, 100, 4096 }, many[] = { 5, 4097, 6000, MOST };
  for (int kind = 0; kind < 4; kind++)
    for (uint64_t seed = 0; seed < 3; seed++) {
      for (int i = 0; i < 5; i++) {
        CLAIM("quantiles are those of the sorted values");
        CHECK(exact_quantiles(seed, kind, (size_t)sizes[i]));
      }
      for (int i = 0; i < 4; i++) {
        CLAIM("order and grouping do not matter");
        CHECK(order_does_not_matter(seed, kind, many[i]));
      }
      CLAIM("quantiles rise with their rank");
      CHECK(quantiles_rise(seed, kind, 50));
      CHECK(quantiles_rise(seed, kind, MOST));
    }
  return DONE();
}
