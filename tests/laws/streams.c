/* Laws of random streams: a key gives the same numbers for ever, and keys share nothing. */
#include <stdlib.h>

#include "base/rng.h"
#include "test.h"

enum { KEYS = 100000 };

/* Golden: results of every earlier version depend on these. Not to be edited, ever. */
static void first_numbers_of_one_stream(void)
{
  orc_rng r = orc_rng_stream(42, ORC_FOR_LENGTHS, 7);
  CHECK(orc_rng_next(&r) == 0x3c32fc60c340dea8);
  CHECK(orc_rng_next(&r) == 0xcf4b64bad5a5a840);
  CHECK(orc_rng_next(&r) == 0x13d32e2eb931b449);
  r = orc_rng_stream(42, ORC_FOR_LENGTHS, 7);
  CHECK(orc_rng_uniform(&r) == 0x1.e197e3061a06cp-3);
  CHECK(orc_rng_exponential(&r) == 0x1.a8cd7eaf6f562p+0);
  CHECK(orc_rng_normal(&r) == -0x1.6c28b84aa761fp+0);
  CHECK(orc_rng_gamma(&r, 2.5) == 0x1.4285b313c707ep-1);
  CHECK(orc_rng_gamma(&r, 0.5) == 0x1.b0d20a1e6c364p+0);
  CHECK(orc_rng_below(&r, 1000000) == 39115);
}

static void same_key_same_numbers(void)
{
  orc_rng a = orc_rng_stream(3, ORC_FOR_ARRIVALS, 9), b = orc_rng_stream(3, ORC_FOR_ARRIVALS, 9);
  bool same = true;
  for (int i = 0; i < 1000; i++)
    same = same && orc_rng_next(&a) == orc_rng_next(&b);
  CHECK(same);
}

/* How the keys of a family differ: by one step of index, seed or purpose, or by both at once. */
static orc_rng by_index(uint64_t i)
{
  return orc_rng_stream(1, ORC_FOR_LENGTHS, i);
}

static orc_rng by_seed(uint64_t i)
{
  return orc_rng_stream(i, ORC_FOR_LENGTHS, 1);
}

static orc_rng by_high_bits(uint64_t i)
{
  return orc_rng_stream(1, ORC_FOR_LENGTHS, i << 44);
}

static orc_rng by_both(uint64_t i)
{
  return orc_rng_stream(i, ORC_FOR_LENGTHS, 0 - i);
}

static double bits_between(uint64_t a, uint64_t b)
{
  return (double)__builtin_popcountll(a ^ b);
}

/*
** First numbers of neighbouring keys: half of the bits differ (64 bits: mean 32, variance 16), and
** uniform draws do not correlate (standard error 1/sqrt(n)), at first and tenth draw. 5 sigma.
*/
static void neighbours_share_nothing(orc_rng (*key)(uint64_t))
{
  double bits = 0.0, first = 0.0, tenth = 0.0, across = 0.0, before = 0.0, before10 = 0.0;
  uint64_t last = 0;
  for (uint64_t i = 0; i < KEYS; i++) {
    orc_rng r = key(i);
    const uint64_t x = orc_rng_next(&r);
    for (int k = 0; k < 8; k++)
      (void)orc_rng_next(&r);
    const double u = ((double)(x >> 11) * 0x1p-53 - 0.5) * sqrt(12.0);
    const double v = (orc_rng_uniform(&r) - 0.5) * sqrt(12.0);
    if (i > 0) bits += bits_between(x, last);
    first += u * before;
    tenth += v * before10;
    across += u * v;
    before = u;
    before10 = v;
    last = x;
  }
  const double error = 5.0 / sqrt(KEYS);
  CHECK(fabs(bits / (KEYS - 1) - 32.0) < 4.0 * error);
  CHECK(fabs(first / KEYS) < error);
  CHECK(fabs(tenth / KEYS) < error);
  CHECK(fabs(across / KEYS) < error);
}

static int ascending(const void *a, const void *b)
{
  const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

/* A grid of small keys, where careless mixing would make (1, 2) and (2, 1) one stream. */
static void no_two_keys_meet(void)
{
  enum { SIDE = 40, PURPOSES = 8, N = SIDE * SIDE * PURPOSES };
  static uint64_t x[N];
  int n = 0;
  for (uint64_t seed = 0; seed < SIDE; seed++)
    for (uint64_t index = 0; index < SIDE; index++)
      for (int p = 1; p <= PURPOSES; p++) {
        orc_rng r = orc_rng_stream(seed, (orc_purpose)p, index);
        x[n++] = orc_rng_next(&r);
      }
  qsort(x, N, sizeof x[0], ascending);
  int meetings = 0;
  for (int i = 1; i < N; i++)
    meetings += x[i] == x[i - 1];
  CHECK(meetings == 0);
}

int main(void)
{
  RUN(first_numbers_of_one_stream);
  RUN(same_key_same_numbers);
  CLAIM("neighbouring keys share nothing");
  neighbours_share_nothing(by_index);
  neighbours_share_nothing(by_seed);
  neighbours_share_nothing(by_high_bits);
  neighbours_share_nothing(by_both);
  RUN(no_two_keys_meet);
  return DONE();
}
