#include "base/dist.h"

#include <limits.h>

#include "test.h"

enum { DRAWS = 100000 };

/* Five standard errors: the streams are fixed, so a test passes or fails for good. */
static const double SIGMAS = 5.0;

static orc_rng stream(uint64_t index)
{
  return orc_rng_stream(11, ORC_FOR_TESTS, index);
}

/* Mean and variance of many draws against theory; `fourth` is the fourth central moment. */
static void moments(const orc_dist *d, double mean, double variance, double fourth)
{
  orc_rng r = stream((uint64_t)d->kind);
  double sum = 0.0, squares = 0.0;
  for (int i = 0; i < DRAWS; i++) {
    const double x = orc_dist_sample(d, &r, (uint64_t)i) - mean;
    sum += x;
    squares += x * x;
  }
  CHECK(fabs(sum / DRAWS) < SIGMAS * sqrt(variance / DRAWS));
  CHECK(fabs(squares / DRAWS - variance) < SIGMAS * sqrt((fourth - variance * variance) / DRAWS));
  NEAR(orc_dist_mean(d), mean, 1e-12);
}

/* Central moments from raw ones: m[k] = E x^k, k = 1..4. */
static void raw_moments(const orc_dist *d, const double m[5])
{
  const double v = m[2] - m[1] * m[1];
  const double fourth =
      m[4] - 4.0 * m[1] * m[3] + 6.0 * m[1] * m[1] * m[2] - 3.0 * m[1] * m[1] * m[1] * m[1];
  moments(d, m[1], v, fourth);
}

static void simple_kinds(void)
{
  /* [20, 32): mean 26, variance 12^2/12, fourth 12^4/80. */
  moments(&(orc_dist){ .kind = ORC_DIST_UNIFORM, .a = 20, .b = 32 }, 26.0, 12.0, 20736.0 / 80);
  moments(&(orc_dist){ .kind = ORC_DIST_NORMAL, .a = 5, .b = 2 }, 5.0, 4.0, 3.0 * 16);
  moments(&(orc_dist){ .kind = ORC_DIST_EXPONENTIAL, .a = 3 }, 3.0, 9.0, 9.0 * 81);
  /* Shape 2, scale 3: mean 6, variance 18, fourth (3 k^2 + 6 k) scale^4 = 24 x 81. */
  moments(&(orc_dist){ .kind = ORC_DIST_GAMMA, .a = 2, .b = 3 }, 6.0, 18.0, 24.0 * 81);
  /* p = 1/4: mean 4, variance q/p^2 = 12, fourth q (p^2 - 9 p + 9) / p^4 = 1308. */
  moments(&(orc_dist){ .kind = ORC_DIST_GEOMETRIC, .a = 0.25 }, 4.0, 12.0,
          0.75 * (0.0625 - 2.25 + 9.0) * 256);
}

static void raw_moment_kinds(void)
{
  double m[5];
  for (int k = 1; k <= 4; k++) /* lognormal: exp(k mu + k^2 sigma^2 / 2) */
    m[k] = exp(k * 1.0 + k * k * 0.25 / 2);
  raw_moments(&(orc_dist){ .kind = ORC_DIST_LOGNORMAL, .a = 1.0, .b = 0.5 }, m);
  for (int k = 1; k <= 4; k++) /* Pareto: shape scale^k / (shape - k); 10 keeps the 4th calm */
    m[k] = 10.0 * pow(2.0, k) / (10.0 - k);
  raw_moments(&(orc_dist){ .kind = ORC_DIST_PARETO, .a = 10, .b = 2 }, m);
  for (int k = 1; k <= 4; k++) /* Weibull: scale^k Gamma(1 + k/shape) */
    m[k] = pow(3.0, k) * tgamma(1.0 + k / 1.5);
  raw_moments(&(orc_dist){ .kind = ORC_DIST_WEIBULL, .a = 1.5, .b = 3 }, m);
}

/* Half of lognormal draws lie below exp(mu): the median is a linear-space number. */
static void lognormal_median(void)
{
  const orc_dist d = { .kind = ORC_DIST_LOGNORMAL, .a = log(800.0), .b = 1.0 };
  orc_rng r = stream(50);
  int below = 0;
  for (int i = 0; i < DRAWS; i++)
    below += orc_dist_sample(&d, &r, 0) < 800.0;
  CHECK(fabs(below - DRAWS / 2.0) < SIGMAS * sqrt(DRAWS / 4.0));
}

static void pareto_without_a_mean(void)
{
  const orc_dist d = { .kind = ORC_DIST_PARETO, .a = 1.0, .b = 5.0 };
  CHECK(orc_dist_mean(&d) == INFINITY);
  orc_rng r = stream(51);
  bool above = true;
  for (int i = 0; i < 1000; i++)
    above = above && orc_dist_sample(&d, &r, 0) >= 5.0;
  CHECK(above);
}

static void constant_and_linear(void)
{
  orc_rng r = stream(52);
  const orc_dist c = { .kind = ORC_DIST_CONSTANT, .a = 128.0 };
  CHECK(orc_dist_sample(&c, &r, 9) == 128.0);
  CHECK(orc_dist_mean(&c) == 128.0);
  /* From 100 to 300 over 1000 requests. */
  const orc_dist l = { .kind = ORC_DIST_LINEAR, .a = 100, .b = 300, .span = 1000 };
  CHECK(orc_dist_sample(&l, &r, 0) == 100.0);
  CHECK(orc_dist_sample(&l, &r, 250) == 150.0);
  CHECK(orc_dist_sample(&l, &r, 1000) == 300.0);
  CHECK(orc_dist_sample(&l, &r, 5000) == 300.0);
  CHECK(orc_dist_mean(&l) == 200.0);
}

static orc_dist empirical(int count, const double *values, const double *weights)
{
  orc_dist d = { .kind = ORC_DIST_EMPIRICAL, .count = count };
  d.values = orc_alloc((size_t)count, sizeof *d.values);
  d.cumulative = orc_alloc((size_t)count, sizeof *d.cumulative);
  for (int i = 0; i < count; i++) {
    d.values[i] = values[i];
    d.cumulative[i] = weights[i] + (i > 0 ? d.cumulative[i - 1] : 0.0);
  }
  return d;
}

/* Weights 1, 0, 3: 64 a quarter of the time, 1000 never, 256 else. */
static void empirical_by_weight(void)
{
  const double values[] = { 64, 1000, 256 }, weights[] = { 1, 0, 3 };
  orc_dist d = empirical(3, values, weights);
  orc_rng r = stream(53);
  int small = 0, never = 0;
  for (int i = 0; i < DRAWS; i++) {
    const double x = orc_dist_sample(&d, &r, 0);
    small += x == 64.0;
    never += x == 1000.0;
  }
  CHECK(fabs(small - DRAWS * 0.25) < SIGMAS * sqrt(DRAWS * 0.25 * 0.75));
  CHECK(never == 0);
  NEAR(orc_dist_mean(&d), 0.25 * 64 + 0.75 * 256, 1e-12);
  orc_dist_done(&d);
  CHECK(d.values == NULL && d.cumulative == NULL && d.count == 0);
}

/* Weight 2 on U[0, 10), weight 8 on a part that is itself an empirical 100. */
static void mixture_by_weight(void)
{
  orc_dist d = { .kind = ORC_DIST_MIXTURE, .count = 2 };
  d.parts = orc_alloc(2, sizeof *d.parts);
  d.cumulative = orc_alloc(2, sizeof *d.cumulative);
  d.cumulative[0] = 2.0;
  d.cumulative[1] = 10.0;
  d.parts[0] = (orc_dist){ .kind = ORC_DIST_UNIFORM, .a = 0, .b = 10 };
  d.parts[1] = empirical(1, (const double[]){ 100 }, (const double[]){ 1 });
  NEAR(orc_dist_mean(&d), 0.2 * 5 + 0.8 * 100, 1e-12);
  orc_rng r = stream(54);
  int small = 0;
  for (int i = 0; i < DRAWS; i++)
    small += orc_dist_sample(&d, &r, 0) < 10.0;
  CHECK(fabs(small - DRAWS * 0.2) < SIGMAS * sqrt(DRAWS * 0.2 * 0.8));

  /* The part clamps to [2, 50] first, then the mixture to [4, 60]: 100 becomes 50, 0 becomes 4. */
  d.parts[0] = (orc_dist){ .kind = ORC_DIST_CONSTANT, .has_min = true, .min = 2 };
  d.parts[1].has_max = true;
  d.parts[1].max = 50;
  d.has_min = d.has_max = true;
  d.min = 4;
  d.max = 60;
  bool both = true;
  for (int i = 0; i < 100; i++) {
    const double x = orc_dist_sample(&d, &r, 0);
    both = both && (x == 4.0 || x == 50.0);
  }
  CHECK(both);
  orc_dist_done(&d);
}

/* A standard normal clamped to [-1, 0.5]: P(z < -1) = 0.15866, P(z > 0.5) = 0.30854. */
static void truncation_clamps(void)
{
  const orc_dist d = {
    .kind = ORC_DIST_NORMAL, .b = 1, .has_min = true, .has_max = true, .min = -1, .max = 0.5
  };
  orc_rng r = stream(55);
  int low = 0, high = 0, outside = 0;
  for (int i = 0; i < DRAWS; i++) {
    const double x = orc_dist_sample(&d, &r, 0);
    low += x == -1.0;
    high += x == 0.5;
    outside += x < -1.0 || x > 0.5;
  }
  CHECK(outside == 0);
  CHECK(fabs(low - DRAWS * 0.15866) < SIGMAS * sqrt(DRAWS * 0.15866 * 0.84134));
  CHECK(fabs(high - DRAWS * 0.30854) < SIGMAS * sqrt(DRAWS * 0.30854 * 0.69146));
}

static int count_of(double x, int least)
{
  orc_rng r = stream(56);
  return orc_dist_count(&(orc_dist){ .kind = ORC_DIST_CONSTANT, .a = x }, &r, 0, least);
}

static void counts(void)
{
  CHECK(count_of(2.4, 1) == 2);
  CHECK(count_of(2.5, 1) == 3);
  CHECK(count_of(-3.0, 1) == 1);
  CHECK(count_of(0.2, 0) == 0);
  CHECK(count_of(-INFINITY, 1) == 1);
  CHECK(count_of(INFINITY, 1) == INT_MAX);
  CHECK(count_of(3e9, 1) == INT_MAX);
}

/* Extreme but allowed parameters give numbers, never NaN. */
static void never_nan(void)
{
  const orc_dist wild[] = {
    { .kind = ORC_DIST_LOGNORMAL, .a = 1e4, .b = 1e4 },
    { .kind = ORC_DIST_PARETO, .a = 1e-6, .b = 1e300 },
    { .kind = ORC_DIST_WEIBULL, .a = 1e-6, .b = 1e-300 },
    { .kind = ORC_DIST_WEIBULL, .a = 1e6, .b = 1e300 },
    { .kind = ORC_DIST_GAMMA, .a = 1e-6, .b = 1e300 },
    { .kind = ORC_DIST_GAMMA, .a = 1e18, .b = 1e300 },
    { .kind = ORC_DIST_GEOMETRIC, .a = 1.0 },
    { .kind = ORC_DIST_GEOMETRIC, .a = 1e-300 },
    { .kind = ORC_DIST_EXPONENTIAL, .a = 1e308 },
  };
  orc_rng r = stream(57);
  for (size_t i = 0; i < sizeof wild / sizeof wild[0]; i++) {
    bool sane = true;
    for (int k = 0; k < 1000; k++)
      sane = sane && orc_dist_sample(&wild[i], &r, 0) >= 0.0;
    CHECK(sane);
  }
}

int main(void)
{
  RUN(simple_kinds);
  RUN(raw_moment_kinds);
  RUN(lognormal_median);
  RUN(pareto_without_a_mean);
  RUN(constant_and_linear);
  RUN(empirical_by_weight);
  RUN(mixture_by_weight);
  RUN(truncation_clamps);
  RUN(counts);
  RUN(never_nan);
  return DONE();
}
