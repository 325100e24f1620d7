#include "base/real.h"

#include "base/rng.h"
#include "test.h"

static const double EPS = 0x1p-52;

static void known_values(void)
{
  CHECK(orc_real_log(1.0) == 0.0);
  CHECK(orc_real_exp(0.0) == 1.0);
  NEAR(orc_real_log(2.0), 0.693147180559945309, EPS);
  NEAR(orc_real_log(0.5), -0.693147180559945309, EPS);
  CHECK(orc_real_log2(8.0) == 3.0 && orc_real_log2(0x1p-1074) == -1074.0 &&
        orc_real_log2(0x1p1023) == 1023.0);
  CHECK(orc_real_exp2(10.0) == 1024.0 && orc_real_exp2(-1074.0) == 0x1p-1074 &&
        orc_real_exp2(1024.0) == INFINITY);
  NEAR(orc_real_log2(3.0), 1.584962500721156181, EPS);
  NEAR(orc_real_exp(1.0), 2.718281828459045235, EPS);
  NEAR(orc_real_pow(2.0, 10.0), 1024.0, 8.0 * EPS);
  CHECK(orc_real_pow(0.0, 3.0) == 0.0);
  CHECK(orc_real_pow(7.0, 0.0) == 1.0);
}

static void edges(void)
{
  CHECK(orc_real_log(0.0) == -INFINITY);
  CHECK(orc_real_log(INFINITY) == INFINITY);
  CHECK(isnan(orc_real_log(-1.0)) && isnan(orc_real_log(NAN)) && isnan(orc_real_exp(NAN)) &&
        isnan(orc_real_exp2(NAN)));
  CHECK(orc_real_exp2(-INFINITY) == 0.0 && orc_real_exp2(1e9) == INFINITY &&
        orc_real_exp2(-1100.0) == 0.0);
  CHECK(orc_real_log2(0.0) == -INFINITY && orc_real_log2(INFINITY) == INFINITY &&
        isnan(orc_real_log2(-1.0)));
  CHECK(orc_real_exp(-INFINITY) == 0.0 && orc_real_exp(INFINITY) == INFINITY);
  CHECK(orc_real_exp(710.0) == INFINITY && orc_real_exp(-750.0) == 0.0);
  CHECK(orc_real_exp(709.7) < INFINITY && orc_real_exp(-745.0) > 0.0);
  NEAR(orc_real_log(0x1p-1074), -744.4400719213812, 2.0 * EPS); /* -1074 ln 2 */
  CHECK(orc_real_log1p(1e-20) == 1e-20);
  CHECK(orc_real_log1p(-1.0) == -INFINITY);
}

/* Against the C library, itself within 1 unit: over many magnitudes and close to 1. */
static void two_units_in_the_last_place(void)
{
  orc_rng r = orc_rng_stream(1, ORC_FOR_TESTS, 100);
  double worst_log = 0.0, worst_log2 = 0.0, worst_exp2 = 0.0, worst_exp = 0.0, worst_log1p = 0.0;
  for (int i = 0; i < 300000; i++) {
    const double wide = ldexp(0.5 + orc_rng_uniform(&r), (int)orc_rng_below(&r, 2000) - 1000);
    const double near = 1.0 + 0.2 * (orc_rng_uniform(&r) - 0.5);
    const double power = 1400.0 * (orc_rng_uniform(&r) - 0.5);
    const double small = ldexp(orc_rng_uniform(&r) - 0.5, -(int)orc_rng_below(&r, 60));
    worst_log = fmax(worst_log, fabs(orc_real_log(wide) / log(wide) - 1.0));
    worst_log = fmax(worst_log, fabs(orc_real_log(near) / log(near) - 1.0));
    worst_log2 = fmax(worst_log2, fabs(orc_real_log2(wide) / log2(wide) - 1.0));
    worst_log2 = fmax(worst_log2, fabs(orc_real_log2(near) / log2(near) - 1.0));
    worst_exp2 = fmax(worst_exp2, fabs(orc_real_exp2(power) / exp2(power) - 1.0));
    worst_exp = fmax(worst_exp, fabs(orc_real_exp(power) / exp(power) - 1.0));
    worst_log1p = fmax(worst_log1p, fabs(orc_real_log1p(small) / log1p(small) - 1.0));
  }
  CHECK(worst_log < 2.0 * EPS);
  CHECK(worst_log2 < 3.0 * EPS);
  CHECK(worst_exp2 < 2.0 * EPS);
  CHECK(worst_exp < 2.0 * EPS);
  CHECK(worst_log1p < 4.0 * EPS);
}

int main(void)
{
  RUN(known_values);
  RUN(edges);
  RUN(two_units_in_the_last_place);
  return DONE();
}
