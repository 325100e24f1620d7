#include "base/rng.h"

#include <math.h>

#include "base/real.h"

/* The finaliser of splitmix64 (Steele, Lea, Flood, OOPSLA 2014): each bit moves half of the output.
 */
static uint64_t mix(uint64_t z)
{
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

static const uint64_t GOLDEN = 0x9e3779b97f4a7c15; /* 2^64 over the golden ratio, odd */

/* A mix between the parts of the key: no linear relation of seed, purpose and index survives. */
orc_rng orc_rng_stream(uint64_t seed, orc_purpose purpose, uint64_t index)
{
  uint64_t k = mix(seed + GOLDEN);
  k = mix(k + (uint64_t)purpose * GOLDEN);
  k = mix(k + index * GOLDEN);
  /* Four different inputs give four different words, so the state is never all zero. */
  return (orc_rng){ .s = { mix(k + GOLDEN), mix(k + 2 * GOLDEN), mix(k + 3 * GOLDEN),
                           mix(k + 4 * GOLDEN) } };
}

static uint64_t rotl(uint64_t x, int n)
{
  return x << n | x >> (64 - n);
}

uint64_t orc_rng_next(orc_rng *r)
{
  uint64_t *s = r->s;
  const uint64_t result = rotl(s[1] * 5, 7) * 9;
  const uint64_t t = s[1] << 17;
  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= t;
  s[3] = rotl(s[3], 45);
  return result;
}

double orc_rng_uniform(orc_rng *r)
{
  return (double)(orc_rng_next(r) >> 11) * 0x1p-53;
}

/* In (0, 1), symmetric about 1/2, exact: 52 bits and a half. */
static double open_uniform(orc_rng *r)
{
  return ((double)(orc_rng_next(r) >> 12) + 0.5) * 0x1p-52;
}

uint64_t orc_rng_below(orc_rng *r, uint64_t n)
{
  ORC_ASSERT(n >= 1);
  unsigned __int128 m = (unsigned __int128)orc_rng_next(r) * n;
  if ((uint64_t)m < n) {
    const uint64_t uneven = (0 - n) % n; /* 2^64 mod n low parts would favour some results */
    while ((uint64_t)m < uneven)
      m = (unsigned __int128)orc_rng_next(r) * n;
  }
  return (uint64_t)(m >> 64);
}

double orc_rng_exponential(orc_rng *r)
{
  return -orc_real_log(1.0 - open_uniform(r)); /* 1 - u: rising with the draw; exact */
}

/* c[0] + c[1] x + ... + c[7] x^7, in pairs that do not wait for each other. */
static double polynomial(const double c[8], double x)
{
  const double square = x * x;
  const double low = (c[0] + c[1] * x) + square * (c[2] + c[3] * x);
  const double high = (c[4] + c[5] * x) + square * (c[6] + c[7] * x);
  return low + square * square * high;
}

/* Coefficients of algorithm AS 241, PPND16 (Wichura, Applied Statistics 37(3), 1988). */
static const double CENTRE[2][8] = {
  { 3.3871328727963666080, 133.14166789178437745, 1971.5909503065514427, 13731.693765509461125,
    45921.953931549871457, 67265.770927008700853, 33430.575583588128105, 2509.0809287301226727 },
  { 1.0, 42.313330701600911252, 687.18700749205790830, 5394.1960214247511077, 21213.794301586595867,
    39307.895800092710610, 28729.085735721942674, 5226.4952788528545610 },
};
static const double SIDE[2][8] = {
  { 1.42343711074968357734, 4.63033784615654529590, 5.76949722146069140550, 3.64784832476320460504,
    1.27045825245236838258, 0.241780725177450611770, 0.0227238449892691845833,
    7.74545014278341407640e-4 },
  { 1.0, 2.05319162663775882187, 1.67638483018380384940, 0.689767334985100004550,
    0.148103976427480074590, 0.0151986665636164571966, 5.47593808499534494600e-4,
    1.05075007164441684324e-9 },
};
static const double TAIL[2][8] = {
  { 6.65790464350110377720, 5.46378491116411436990, 1.78482653991729133580, 0.296560571828504891230,
    0.0265321895265761230930, 1.24266094738807843860e-3, 2.71155556874348757815e-5,
    2.01033439929228813265e-7 },
  { 1.0, 0.599832206555887937690, 0.136929880922735805310, 0.0148753612908506148525,
    7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7,
    2.04426310338993978564e-15 },
};

static double ratio(const double c[2][8], double x)
{
  return polynomial(c[0], x) / polynomial(c[1], x);
}

/*
** By inversion, not rejection: one draw of the stream per normal, rising with it, so two policies
** or two parameter sets that share a stream stay in step (common random numbers).
*/
double orc_rng_normal(orc_rng *r)
{
  const double u = open_uniform(r), q = u - 0.5;
  if (fabs(q) <= 0.425) return q * ratio(CENTRE, 0.180625 - q * q);
  const double t = sqrt(-orc_real_log(q < 0.0 ? u : 1.0 - u));
  const double z = t <= 5.0 ? ratio(SIDE, t - 1.6) : ratio(TAIL, t - 5.0);
  return q < 0.0 ? -z : z;
}

/* Marsaglia and Tsang, ACM TOMS 26(3), 2000, section 5; below 1 by their boost (section 6). */
double orc_rng_gamma(orc_rng *r, double shape)
{
  ORC_ASSERT(shape > 0.0);
  if (shape < 1.0) {
    const double boost = orc_real_exp(-orc_rng_exponential(r) / shape);
    return boost * orc_rng_gamma(r, shape + 1.0); /* NOLINT(misc-no-recursion): once */
  }
  const double d = shape - 1.0 / 3.0, c = 1.0 / sqrt(9.0 * d);
  for (;;) {
    const double x = orc_rng_normal(r), v = 1.0 + c * x;
    if (v <= 0.0) continue;
    const double cube = v * v * v;
    if (orc_rng_exponential(r) > d * (cube - 1.0 - orc_real_log(cube)) - 0.5 * x * x)
      return d * cube;
  }
}
