#include "base/rng.h"

#include <stdlib.h>

#include "test.h"

/* Five standard errors: a fixed seed passes or fails for good, and by chance once in two million.
 */
enum { DRAWS = 200000 };
static const double SIGMAS = 5.0;

/* A stream whose next number is `x`: xoshiro256** inverted (1/5 and 1/9 modulo 2^64). */
static orc_rng about_to_give(uint64_t x)
{
  const uint64_t y = x * 0x8e38e38e38e38e39;
  return (orc_rng){ .s = { 1, (y >> 7 | y << 57) * 0xcccccccccccccccd, 2, 3 } };
}

static void the_reference_sequence(void)
{
  /* xoshiro256** from the state 1, 2, 3, 4. First output: rotl(2 * 5, 7) * 9 = 1280 * 9 = 11520;
  ** the new s[1] is 2 ^ (3 ^ 1) = 0, so the second is 0. */
  orc_rng r = { .s = { 1, 2, 3, 4 } };
  CHECK(orc_rng_next(&r) == 11520);
  CHECK(orc_rng_next(&r) == 0);
  CHECK(orc_rng_next(&r) == 1509978240);
  CHECK(orc_rng_next(&r) == 1215971899390074240);
}

static void uniform_ends(void)
{
  orc_rng low = about_to_give(0), high = about_to_give(UINT64_MAX),
          half = about_to_give(1ull << 63);
  CHECK(orc_rng_uniform(&low) == 0.0);
  CHECK(orc_rng_uniform(&high) == 1.0 - 0x1p-53);
  CHECK(orc_rng_uniform(&half) == 0.5);
}

static void below_is_even(void)
{
  orc_rng r = orc_rng_stream(1, ORC_FOR_TESTS, 1);
  int seen[7] = { 0 };
  for (int i = 0; i < DRAWS; i++) {
    const uint64_t x = orc_rng_below(&r, 7);
    if (x < 7) seen[x]++;
  }
  const double p = 1.0 / 7, sigma = sqrt(DRAWS * p * (1.0 - p));
  for (int i = 0; i < 7; i++)
    CHECK(fabs(seen[i] - DRAWS * p) < SIGMAS * sigma);
  CHECK(orc_rng_below(&r, 1) == 0);
  /* Three quarters of 2^64: a modulo would give the lower third twice as often, so 2/3 of draws. */
  const uint64_t n = 3ull << 62;
  int lower = 0;
  for (int i = 0; i < DRAWS; i++)
    lower += orc_rng_below(&r, n) < n / 3;
  CHECK(fabs(lower - DRAWS / 3.0) < SIGMAS * sqrt(DRAWS * 2.0 / 9));
}

/* Phi(z) = u in the centre, the sides (tail below 0.075) and the far tail (below 1.4e-11). */
static void normal_inverts_its_distribution_function(void)
{
  const double at[] = { 0.5,  0.25,  0.1,     0.076,   0.074, 0.01,   1e-4,
                        1e-8, 1e-10, 1.5e-11, 1.3e-11, 1e-14, 0x1p-52 };
  for (size_t i = 0; i < sizeof at / sizeof at[0]; i++) {
    orc_rng r = about_to_give((uint64_t)(at[i] * 0x1p64));
    const double u = (floor(at[i] * 0x1p52) + 0.5) * 0x1p-52;
    const double z = orc_rng_normal(&r);
    NEAR(0.5 * erfc(-z / sqrt(2.0)), u, 1e-13);
    orc_rng mirrored = about_to_give(~(uint64_t)(at[i] * 0x1p64));
    CHECK(orc_rng_normal(&mirrored) == -z);
  }
}

static void exponential_inverts_its_distribution_function(void)
{
  orc_rng half = about_to_give(1ull << 63), least = about_to_give(0),
          most = about_to_give(UINT64_MAX);
  NEAR(orc_rng_exponential(&half), 0.693147180559945309, 1e-15); /* the median is ln 2 */
  NEAR(orc_rng_exponential(&least), 0x1p-53, 1e-15);
  NEAR(orc_rng_exponential(&most), 36.7368005696771, 1e-14); /* 53 ln 2 */
}

/* Mean and variance of DRAWS draws against theory: the error of a variance is sqrt((m4 - s^4)/n).
 */
static void moments(double (*draw)(orc_rng *, double), double shape, const double theory[3])
{
  orc_rng r = orc_rng_stream(7, ORC_FOR_TESTS, (uint64_t)(1000.0 * shape));
  double sum = 0.0, squares = 0.0;
  bool sane = true;
  for (int i = 0; i < DRAWS; i++) {
    const double x = draw(&r, shape) - theory[0];
    sane = sane && isfinite(x);
    sum += x;
    squares += x * x;
  }
  const double variance = theory[1], fourth = theory[2];
  CHECK(sane);
  CHECK(fabs(sum / DRAWS) < SIGMAS * sqrt(variance / DRAWS));
  CHECK(fabs(squares / DRAWS - variance) < SIGMAS * sqrt((fourth - variance * variance) / DRAWS));
}

static double uniform(orc_rng *r, double unused)
{
  (void)unused;
  return orc_rng_uniform(r);
}

static double normal(orc_rng *r, double unused)
{
  (void)unused;
  return orc_rng_normal(r);
}

static double exponential(orc_rng *r, double unused)
{
  (void)unused;
  return orc_rng_exponential(r);
}

static void moments_of_each(void)
{
  moments(uniform, 0.0, (const double[]){ 0.5, 1.0 / 12, 1.0 / 80 });
  moments(normal, 0.0, (const double[]){ 0.0, 1.0, 3.0 });
  moments(exponential, 0.0, (const double[]){ 1.0, 1.0, 9.0 });
  /* Gamma of shape k: mean k, variance k, fourth central moment 3 k^2 + 6 k. */
  const double shapes[] = { 0.05, 0.5, 1.0, 1.7, 30.0, 1e6 };
  for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
    const double k = shapes[i];
    moments(orc_rng_gamma, k, (const double[]){ k, k, 3.0 * k * k + 6.0 * k });
  }
}

static int ascending(const void *a, const void *b)
{
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Kolmogorov-Smirnov against the gamma of shape 2, F(x) = 1 - (1 + x) e^-x: the whole shape of the
** rejection method, not only moments. 2.2 / sqrt(n) is passed once in 8,000. */
static void gamma_has_its_shape(void)
{
  enum { N = 20000 };
  static double x[N];
  orc_rng r = orc_rng_stream(8, ORC_FOR_TESTS, 0);
  for (int i = 0; i < N; i++)
    x[i] = orc_rng_gamma(&r, 2.0);
  qsort(x, N, sizeof x[0], ascending);
  double worst = 0.0;
  for (int i = 0; i < N; i++) {
    const double f = 1.0 - (1.0 + x[i]) * exp(-x[i]);
    worst = fmax(worst, fmax(fabs(f - (double)i / N), fabs(f - (double)(i + 1) / N)));
  }
  CHECK(worst * sqrt(N) < 2.2);
}

int main(void)
{
  RUN(the_reference_sequence);
  RUN(uniform_ends);
  RUN(below_is_even);
  RUN(normal_inverts_its_distribution_function);
  RUN(exponential_inverts_its_distribution_function);
  RUN(moments_of_each);
  RUN(gamma_has_its_shape);
  return DONE();
}
