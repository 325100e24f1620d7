#include "base/hist.h"

#include <stdlib.h>

#include "base/rng.h"
#include "test.h"

static orc_rng stream(uint64_t index)
{
  return orc_rng_stream(21, ORC_FOR_TESTS, index);
}

static void empty(void)
{
  orc_hist h = { 0 };
  CHECK(orc_hist_mean(&h) == 0.0 && orc_hist_std(&h) == 0.0 && orc_hist_quantile(&h, 0.5) == 0.0);
  orc_hist_add(&h, 5, 0);
  CHECK(h.count == 0);
  orc_hist_done(&h);
}

/* 4, 1, 3, 2: mean 2.5, variance 1.25; numpy.percentile([4, 1, 3, 2], [25, 50, 90])
 * = 1.75, 2.5, 3.7. */
static void by_hand(void)
{
  orc_hist h = { 0 };
  const int64_t values[] = { 4, 1, 3, 2 };
  for (int i = 0; i < 4; i++)
    orc_hist_add(&h, values[i], 1);
  CHECK(h.count == 4 && h.min == 1 && h.max == 4);
  CHECK(orc_hist_mean(&h) == 2.5);
  NEAR(orc_hist_std(&h), sqrt(1.25), 1e-15);
  CHECK(orc_hist_quantile(&h, 0.0) == 1.0);
  CHECK(orc_hist_quantile(&h, 0.25) == 1.75);
  CHECK(orc_hist_quantile(&h, 0.5) == 2.5);
  NEAR(orc_hist_quantile(&h, 0.9), 3.7, 1e-15);
  CHECK(orc_hist_quantile(&h, 1.0) == 4.0);
  orc_hist_done(&h);
}

/* 10 three times and 20 once: ranks 10, 10, 10, 20. At q = 0.9 the rank is 2.7: 10 + 0.7 x 10. */
static void by_weight(void)
{
  orc_hist h = { 0 };
  orc_hist_add(&h, 20, 1);
  orc_hist_add(&h, 10, 2);
  orc_hist_add(&h, 10, 1);
  CHECK(h.count == 4);
  CHECK(orc_hist_mean(&h) == 12.5);
  CHECK(orc_hist_quantile(&h, 0.5) == 10.0);
  NEAR(orc_hist_quantile(&h, 0.9), 17.0, 1e-15);
  CHECK(orc_hist_count_to(&h, 9) == 0 && orc_hist_count_to(&h, 10) == 3);
  CHECK(orc_hist_count_to(&h, 19) == 3 && orc_hist_count_to(&h, 20) == 4);
  orc_hist_done(&h);
}

/* 0 to 9999 once each are kept in buckets of no more than 2^-11 of a value. */
static void counted_to(void)
{
  orc_hist h = { 0 };
  CHECK(orc_hist_count_to(&h, 5) == 0);
  for (int64_t v = 0; v < 10000; v++)
    orc_hist_add(&h, v, 1);
  for (int64_t v = 1; v < 10000; v += 7)
    NEAR((double)orc_hist_count_to(&h, v), (double)v + 1.0, 0x1p-10);
  CHECK(orc_hist_count_to(&h, 9999) == 10000 && orc_hist_count_to(&h, INT64_MAX) == 10000);
  orc_hist_done(&h);
}

/* Adding goes on after a quantile has sorted the values, and old values are still found. */
static void adding_after_a_quantile(void)
{
  orc_hist h = { 0 };
  orc_hist_add(&h, 30, 1);
  orc_hist_add(&h, 10, 1);
  CHECK(orc_hist_quantile(&h, 0.5) == 20.0);
  orc_hist_add(&h, 20, 1);
  orc_hist_add(&h, 10, 2); /* 10 10 10 20 30 */
  CHECK(orc_hist_quantile(&h, 0.5) == 10.0);
  CHECK(orc_hist_quantile(&h, 0.75) == 20.0);
  for (int64_t v = 0; v < ORC_HIST_EXACT - 3; v++) /* no more distinct values than fit */
    orc_hist_add(&h, 100 + v, 1);
  orc_hist_add(&h, 30, 1);
  orc_hist_quantile(&h, 0.5); /* takes in what waits to be added together */
  CHECK(h.bucket == NULL);
  orc_hist_add(&h, 99, 1);
  orc_hist_quantile(&h, 0.5);
  CHECK(h.bucket != NULL);
  orc_hist_done(&h);
}

/* One ns of spread on ten days: naive sums of squares in double would lose it all. */
static void deviation_does_not_cancel(void)
{
  orc_hist h = { 0 };
  const int64_t day = (int64_t)86400 * ORC_SECOND;
  orc_hist_add(&h, 10 * day, 500000);
  orc_hist_add(&h, 10 * day + 2, 500000);
  CHECK(orc_hist_std(&h) == 1.0);
  CHECK(orc_hist_mean(&h) == (double)(10 * day + 1));
  orc_hist_done(&h);
  /* m or m + 1 with odds 1 : 3: variance 3/16. */
  orc_hist_add(&h, 7 * day, 1);
  orc_hist_add(&h, 7 * day + 1, 3);
  NEAR(orc_hist_std(&h), sqrt(3.0 / 16), 1e-15);
  orc_hist_done(&h);
  orc_hist_add(&h, 7 * day, 1000);
  CHECK(orc_hist_std(&h) == 0.0);
  orc_hist_done(&h);
}

/* Values below 2^12 have a bucket each: the sketch is exact there. */
static void small_values_stay_exact_in_the_sketch(void)
{
  orc_hist h = { 0 };
  for (int64_t v = 0; v < 2 * ORC_HIST_EXACT; v++)
    orc_hist_add(&h, v, 1);
  CHECK(h.bucket != NULL && h.exact == NULL);
  CHECK(orc_hist_quantile(&h, 0.25) == 2047.75); /* rank 0.25 x 8191 */
  CHECK(orc_hist_quantile(&h, 0.0) == 0.0);
  CHECK(orc_hist_quantile(&h, 1.0) == 8191.0);
  orc_hist_done(&h);
}

static int ascending(const void *a, const void *b)
{
  const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

/* Over nine magnitudes each quantile of the sketch is within 2^-11 of the sorted values'. */
static void sketch_keeps_its_promise(void)
{
  enum { N = 100000 };
  static int64_t v[N];
  orc_hist h = { 0 };
  orc_rng r = stream(1);
  for (int i = 0; i < N; i++) {
    v[i] = (int64_t)exp(log(1e4) + orc_rng_uniform(&r) * log(1e9));
    orc_hist_add(&h, v[i], 1);
  }
  CHECK(h.bucket != NULL);
  qsort(v, N, sizeof v[0], ascending);
  double worst = 0.0;
  for (int i = 0; i <= 1000; i++) {
    const double rank = i / 1000.0 * (N - 1), t = rank - floor(rank);
    const int k = (int)rank, next = k + 1 < N ? k + 1 : k;
    const double exact = (double)v[k] + t * (double)(v[next] - v[k]);
    worst = fmax(worst, fabs(orc_hist_quantile(&h, i / 1000.0) / exact - 1.0));
  }
  CHECK(worst <= 0x1p-11);
  CHECK(worst > 0.0); /* else this compared the exact part with itself */
  orc_hist_done(&h);
}

/* What waits to go in together is counted with the rest, before any quantile and after. */
static void counted_at_any_moment(void)
{
  orc_hist h = { 0 };
  for (int64_t v = 1; v <= 100; v++) {
    orc_hist_add(&h, v, 2);
    CHECK(orc_hist_count_to(&h, v / 2) == 2 * (uint64_t)(v / 2));
    CHECK(orc_hist_count_to(&h, v) == 2 * (uint64_t)v);
    if (v == 50) CHECK(orc_hist_quantile(&h, 0.0) == 1.0);
  }
  orc_hist_done(&h);
}

static void extremes(void)
{
  orc_hist h = { 0 };
  orc_hist_add(&h, INT64_MAX, 1);
  orc_hist_add(&h, 0, 1);
  CHECK(h.min == 0 && h.max == INT64_MAX);
  CHECK(orc_hist_mean(&h) == 0x1p62);
  NEAR(orc_hist_std(&h), 0x1p62, 1e-15);
  for (int64_t v = 1; v <= ORC_HIST_EXACT; v++)
    orc_hist_add(&h, INT64_MAX - v * 1000003, 1);
  CHECK(orc_hist_quantile(&h, 0.5) > 0x1p62);
  CHECK(h.bucket != NULL);
  CHECK(orc_hist_quantile(&h, 1.0) == 0x1p63);
  CHECK(orc_hist_quantile(&h, 0.0) == 0.0);
  orc_hist_done(&h);
}

/* Weights whose total is beyond 2^53: ranks are no longer whole doubles, results still ordered. */
static void enormous_weights(void)
{
  orc_hist h = { 0 };
  for (int64_t v = 1; v <= 100; v++)
    orc_hist_add(&h, v, (uint64_t)1 << 54);
  double before = 0.0;
  bool rising = true;
  for (int i = 0; i <= 100; i++) {
    const double x = orc_hist_quantile(&h, i / 100.0);
    rising = rising && x >= before && x >= 1.0 && x <= 100.0;
    before = x;
  }
  CHECK(rising);
  CHECK(orc_hist_quantile(&h, 0.505) == 51.0);
  orc_hist_done(&h);
}

static int by_value(const void *a, const void *b)
{
  const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

/* Every rank of values whose differences take from a few bits up to all of them. */
static void ranks_of_any_span(void)
{
  enum { VALUES = 301 };
  orc_rng g = stream(9);
  for (int bits = 1; bits <= 50; bits += 7) { /* a double tells all of them apart */
    int64_t values[VALUES];
    orc_hist h = { 0 };
    for (int i = 0; i < VALUES; i++) {
      values[i] = 1000 + (int64_t)orc_rng_below(&g, (uint64_t)1 << bits);
      orc_hist_add(&h, values[i], 1);
    }
    qsort(values, VALUES, sizeof *values, by_value);
    int wrong = 0;
    for (int i = 0; i < VALUES; i++)
      wrong += fabs(orc_hist_quantile(&h, i / (VALUES - 1.0)) - (double)values[i]) >
               1e-6 * (double)values[i];
    CHECK(wrong == 0);
    orc_hist_done(&h);
  }
}

/* What was merged into an empty one is its own from then on. */
static void merged_into_an_empty_one(void)
{
  orc_hist a = { 0 }, b = { 0 };
  for (int64_t v = 90; v > 0; v--)
    orc_hist_add(&a, v, 2);
  orc_hist_merge(&b, &a);
  orc_hist_add(&b, 45, 2); /* one it has */
  orc_hist_add(&b, 91, 1); /* one it has not */
  CHECK(a.count == 180 && a.max == 90 && b.count == 183 && b.max == 91);
  CHECK(orc_hist_quantile(&a, 0.5) == 45.5);
  CHECK(orc_hist_quantile(&b, 0.5) == 45.0);
  CHECK(orc_hist_mean(&b) == (2.0 * 90 * 91 / 2 + 90 + 91) / 183);
  orc_hist_done(&a);
  orc_hist_done(&b);
}

static void merging(void)
{
  orc_hist a = { 0 }, b = { 0 }, none = { 0 };
  orc_hist_add(&a, 1, 1);
  orc_hist_add(&b, 3, 2);
  orc_hist_merge(&a, &none);
  orc_hist_merge(&a, &b);
  CHECK(a.count == 3 && a.min == 1 && a.max == 3);
  CHECK(orc_hist_quantile(&a, 0.5) == 3.0);
  CHECK(b.count == 2 && none.count == 0);
  for (int64_t v = 0; v <= ORC_HIST_EXACT; v++)
    orc_hist_add(&b, 10 * v, 1);
  orc_hist_merge(&none, &b); /* a sketch into an empty one */
  CHECK(none.count == b.count && none.min == 0 && none.max == 10 * ORC_HIST_EXACT);
  CHECK(orc_hist_quantile(&none, 0.5) == orc_hist_quantile(&b, 0.5));
  orc_hist_done(&a);
  orc_hist_done(&b);
  orc_hist_done(&none);
}

/* Values in order, each counted where those of its place are, and all added up: as one by one. */
static void counted_by_places(void)
{
  orc_hist one = { 0 }, many = { 0 };
  for (int round = 0; round < 40; round++) {
    orc_hist_moments all = { .min = 2000000 + round * 317 };
    int64_t value = all.min, place = value, beyond = orc_hist_beyond(&many, value);
    uint64_t there = 0;
    for (int i = 0; i < 200; i++, value += 1 + i % 97) {
      orc_hist_add(&one, value, 3);
      if (value >= beyond) {
        orc_hist_count(&many, place, there);
        place = value;
        beyond = orc_hist_beyond(&many, value);
        there = 0;
      }
      there += 3;
      all.weight += 3;
      all.max = value;
      all.sum += 3 * (unsigned __int128)value;
      all.squares += 3 * (unsigned __int128)value * (unsigned __int128)value;
    }
    orc_hist_count(&many, place, there);
    orc_hist_add_up(&many, &all);
    CHECK(many.count == one.count && many.min == one.min && many.max == one.max);
    CHECK(many.sum == one.sum && many.squares == one.squares);
    for (int q = 0; q <= 20; q++)
      CHECK(orc_hist_quantile(&many, q / 20.0) == orc_hist_quantile(&one, q / 20.0));
  }
  CHECK(one.bucket != NULL); /* it came to the sketch */
  orc_hist_done(&one);
  orc_hist_done(&many);
}

int main(void)
{
  RUN(empty);
  RUN(by_hand);
  RUN(by_weight);
  RUN(counted_to);
  RUN(adding_after_a_quantile);
  RUN(deviation_does_not_cancel);
  RUN(small_values_stay_exact_in_the_sketch);
  RUN(sketch_keeps_its_promise);
  RUN(extremes);
  RUN(enormous_weights);
  RUN(ranks_of_any_span);
  RUN(merged_into_an_empty_one);
  RUN(merging);
  RUN(counted_at_any_moment);
  RUN(counted_by_places);
  return DONE();
}
