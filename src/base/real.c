#include "base/real.h"

#include <math.h>
#include <string.h>

/* ln 2 in two parts; the high one ends in zero bits, so its product with an exponent is exact. */
static const double LN2_HIGH = 0x1.62e42feep-1, LN2_LOW = 0x1.a39ef35793c76p-33;

static uint64_t bits_of(double x)
{
  uint64_t b;
  memcpy(&b, &x, sizeof b);
  return b;
}

static double real_of(uint64_t b)
{
  double x;
  memcpy(&x, &b, sizeof x);
  return x;
}

/*
** With x = 2^k m, m in [sqrt(1/2), sqrt 2) and s = (m - 1)/(m + 1): log m = 2 atanh s, whose odd
** series needs 10 terms as s^2 < 0.0295. Written as f - (f^2/2 - s (f^2/2 + R)), f = m - 1, so
** that the leading term is exact. The series goes in two halves, odd and even powers of z, that the
** processor works on at once; so does exp's in four.
*/
double orc_real_log(double x)
{
  if (!(x > 0.0)) return x == 0.0 ? -INFINITY : NAN;
  if (x == INFINITY) return x;
  int scaled = 0;
  if (x < 0x1p-1022) {
    x *= 0x1p54;
    scaled = 54;
  }
  const uint64_t b = bits_of(x);
  const uint64_t half = 0x3fe6a09e667f3bcd; /* sqrt(1/2): above it the exponent counts one more */
  const int64_t k = ((int64_t)(b - half) >> 52);
  const double f = real_of(b - ((uint64_t)k << 52)) - 1.0;
  const double s = f / (2.0 + f), z = s * s;
  const double w = z * z;
  const double odd = 2.0 / 3 + w * (2.0 / 7 + w * (2.0 / 11 + w * (2.0 / 15 + w * (2.0 / 19))));
  const double even = 2.0 / 5 + w * (2.0 / 9 + w * (2.0 / 13 + w * (2.0 / 17 + w * (2.0 / 21))));
  const double r = z * odd + w * even;
  const double square = 0.5 * f * f, e = (double)(k - scaled);
  return e * LN2_HIGH - ((square - (s * (square + r) + e * LN2_LOW)) - f);
}

double orc_real_log2(double x)
{
  if (!(x > 0.0 && x < INFINITY)) return orc_real_log(x);
  int e;
  double m = frexp(x, &e); /* [1/2, 1) */
  if (m < 0x1.6a09e667f3bcdp-1) {
    m *= 2.0;
    e--;
  }
  return e + orc_real_log(m) * 0x1.71547652b82fep0;
}

double orc_real_log1p(double x)
{
  const double y = 1.0 + x;
  return y == 1.0 || y == INFINITY ? x : orc_real_log(y) * (x / (y - 1.0));
}

/* x = k ln 2 + r with |r| <= 0.347: the series to r^13/13! leaves less than 2^-57. */
double orc_real_exp(double x)
{
  if (!(x < 709.8)) return x >= 709.8 ? INFINITY : x;
  if (x < -745.2) return 0.0;
  const int64_t k = (int64_t)(x * 0x1.71547652b82fep0 + (x < 0.0 ? -0.5 : 0.5));
  const double e = (double)k, r = (x - e * LN2_HIGH) - e * LN2_LOW;
  const double square = r * r, fourth = square * square;
  const double a = (1.0 / 2 + r * (1.0 / 6)) + square * (1.0 / 24 + r * (1.0 / 120));
  const double b = (1.0 / 720 + r * (1.0 / 5040)) + square * (1.0 / 40320 + r * (1.0 / 362880));
  const double c =
      (1.0 / 3628800 + r * (1.0 / 39916800)) + square * (1.0 / 479001600 + r * (1.0 / 6227020800));
  const double p = 1.0 + (r + square * (a + fourth * (b + fourth * c)));
  /* In two factors: 2^k alone may not be a normal number. */
  const int64_t high = k / 2, low = k - high;
  return p * real_of((uint64_t)(1023 + high) << 52) * real_of((uint64_t)(1023 + low) << 52);
}

double orc_real_exp2(double x)
{
  if (!(x > -1080.0 && x < 1030.0)) return orc_real_exp(x);
  const double k = floor(x + 0.5);
  return ldexp(orc_real_exp((x - k) * 0x1.62e42fefa39efp-1), (int)k);
}

double orc_real_pow(double x, double y)
{
  if (y == 0.0) return 1.0;
  return orc_real_exp(y * orc_real_log(x));
}
