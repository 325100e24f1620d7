/* Law: events leave in the total order (time, class, sequence), whatever went in and when. */
#include <stdlib.h>
#include <string.h>

#include "base/ladder.h"
#include "base/rng.h"
#include "test.h"

/* Where the next event lies, given the present and the number of the event. */
typedef orc_time gap(orc_rng *r, orc_time now, uint64_t n);

static orc_time even(orc_rng *r, orc_time now, uint64_t n)
{
  (void)n;
  return now + (orc_time)orc_rng_below(r, 1000);
}

static orc_time equal(orc_rng *r, orc_time now, uint64_t n)
{
  (void)r, (void)now, (void)n;
  return 7;
}

static orc_time at_once(orc_rng *r, orc_time now, uint64_t n)
{
  (void)r, (void)n;
  return now;
}

static orc_time exponential(orc_rng *r, orc_time now, uint64_t n)
{
  (void)n;
  return now + (orc_time)(1e6 * orc_rng_exponential(r));
}

/* One in 50 a day ahead, one in 50 never, the rest at once or within 3 ns. */
static orc_time outliers(orc_rng *r, orc_time now, uint64_t n)
{
  (void)n;
  const uint64_t x = orc_rng_below(r, 50);
  if (x == 0) return now + 86400 * ORC_SECOND + (orc_time)orc_rng_below(r, 3);
  if (x == 1) return ORC_NEVER - (orc_time)orc_rng_below(r, 2);
  return now + (orc_time)(x % 4);
}

/* Every power of two: no bucket width suits all. */
static orc_time magnitudes(orc_rng *r, orc_time now, uint64_t n)
{
  (void)n;
  return now + ((orc_time)1 << orc_rng_below(r, 50));
}

static orc_time falling(orc_rng *r, orc_time now, uint64_t n)
{
  (void)r, (void)now;
  return 1000000 - (orc_time)n;
}

static orc_time past_and_negative(orc_rng *r, orc_time now, uint64_t n)
{
  (void)n;
  return now / 2 - 500 + (orc_time)orc_rng_below(r, 1000);
}

/* Two clusters a second apart, each denser than its members: nanoseconds. */
static orc_time clusters(orc_rng *r, orc_time now, uint64_t n)
{
  return now + (n % 2 == 0 ? ORC_SECOND : 0) + (orc_time)orc_rng_below(r, 5);
}

/* Calm and bursts: for 300 events within 50 ns, then for 300 within any power of ten. */
static orc_time bursts(orc_rng *r, orc_time now, uint64_t n)
{
  orc_time most = 50;
  if (n / 300 % 2 == 0)
    for (uint64_t k = orc_rng_below(r, 12); k > 0; k--)
      most *= 10;
  return now + (orc_time)orc_rng_below(r, (uint64_t)most);
}

static gap *const GAPS[] = { even,       equal,   at_once,           exponential, outliers,
                             magnitudes, falling, past_and_negative, clusters,    bursts };
enum { KINDS = sizeof GAPS / sizeof GAPS[0] };

static int by_order(const void *a, const void *b)
{
  const orc_event *x = a, *y = b;
  if (x->time != y->time) return x->time < y->time ? -1 : 1;
  return (x->order > y->order) - (x->order < y->order);
}

static orc_event make(gap *g, orc_rng *r, orc_time now, uint64_t n)
{
  const uint64_t class = orc_rng_below(r, 3);
  return (orc_event){ .time = g(r, now, n),
                      .order = class << 56 | n,
                      .subject = (uint32_t)n,
                      .kind = (uint32_t) class };
}

static bool same(orc_event a, orc_event b)
{
  return a.time == b.time && a.order == b.order && a.kind == b.kind && a.subject == b.subject;
}

/* All in, all out: a sort. */
static bool sorts(gap *g, uint64_t seed, size_t n)
{
  orc_rng r = orc_rng_stream(seed, ORC_FOR_TESTS, 1);
  orc_ladder q = { 0 };
  orc_event *expected = orc_alloc(n, sizeof *expected);
  for (size_t i = 0; i < n; i++) {
    expected[i] = make(g, &r, 0, i);
    orc_ladder_push(&q, expected[i]);
  }
  qsort(expected, n, sizeof *expected, by_order);
  bool ok = q.count == n;
  for (size_t i = 0; i < n; i++) {
    ok = ok && same(orc_ladder_top(&q), expected[i]);
    const orc_event e = orc_ladder_pop(&q);
    ok = ok && same(e, expected[i]);
  }
  ok = ok && orc_ladder_top(&q).time == ORC_NEVER;
  free(expected);
  orc_ladder_done(&q);
  return ok;
}

/* Pushes and pops mixed, growing and shrinking, against a sorted array. */
static bool mixes(gap *g, uint64_t seed, size_t limit)
{
  orc_rng r = orc_rng_stream(seed, ORC_FOR_TESTS, 2);
  orc_ladder q = { 0 };
  orc_event *sorted = orc_alloc(limit, sizeof *sorted);
  size_t count = 0;
  orc_time now = 0;
  bool ok = true;
  for (uint64_t n = 0; n < 20 * limit && ok; n++) {
    const bool grow = n / (2 * limit) % 2 == 0;
    if (count < limit && (count == 0 || orc_rng_below(&r, 10) < (grow ? 6u : 4u))) {
      const orc_event e = make(g, &r, now, n);
      orc_ladder_push(&q, e);
      size_t i = count++;
      for (; i > 0 && by_order(&sorted[i - 1], &e) > 0; i--)
        sorted[i] = sorted[i - 1];
      sorted[i] = e;
    } else {
      const orc_event e = orc_ladder_pop(&q);
      ok = same(e, sorted[0]);
      memmove(sorted, sorted + 1, --count * sizeof *sorted);
      now = e.time > 0 && e.time < ORC_NEVER / 4 ? e.time : now;
    }
    ok = ok && q.count == count;
    ok = ok &&
         (count == 0 ? orc_ladder_top(&q).time == ORC_NEVER : same(orc_ladder_top(&q), sorted[0]));
  }
  free(sorted);
  orc_ladder_done(&q);
  return ok;
}

/* Many held at once: pops never fall, and nothing is lost or doubled (sum of subjects). */
static bool holds(gap *g, uint64_t seed, size_t pending)
{
  orc_rng r = orc_rng_stream(seed, ORC_FOR_TESTS, 3);
  orc_ladder q = { 0 };
  uint64_t in = 0, out = 0, n = 0;
  for (; n < pending; n++) {
    orc_ladder_push(&q, make(g, &r, 0, n));
    in += n;
  }
  bool ok = true;
  orc_event before = { .time = INT64_MIN };
  for (size_t i = 0; i < 3 * pending; i++, n++) {
    const orc_event e = orc_ladder_pop(&q);
    ok = ok && by_order(&before, &e) < 0;
    out += e.subject;
    before = e;
    orc_event next = make(g, &r, e.time, n);
    if (next.time < e.time) next.time = ORC_NEVER; /* sums beyond the end of time */
    if (by_order(&next, &e) < 0) next.order |= (uint64_t)3 << 56;
    orc_ladder_push(&q, next);
    in += n;
  }
  while (q.count > 0) {
    const orc_event e = orc_ladder_pop(&q);
    ok = ok && by_order(&before, &e) < 0;
    before = e;
    out += e.subject;
  }
  orc_ladder_done(&q);
  return ok && in == out;
}

/* Events equal in time and order: none is lost, and the others keep their place around them. */
static bool equals_pass(size_t n)
{
  orc_ladder q = { 0 };
  bool ok = true;
  for (size_t i = 0; i < n; i++)
    orc_ladder_push(&q, (orc_event){ .time = i % 4 == 0 ? (orc_time)(i % 3) : 1, .order = 5 });
  orc_time before = 0;
  size_t out = 0;
  for (; q.count > 0; out++) {
    const orc_event e = orc_ladder_pop(&q);
    ok = ok && e.time >= before && e.order == 5;
    before = e.time;
    if (out < n) orc_ladder_push(&q, (orc_event){ .time = e.time + 1, .order = 5 });
  }
  orc_ladder_done(&q);
  return ok && out == 2 * n;
}

int main(void)
{
  for (int k = 0; k < KINDS; k++) {
    for (uint64_t seed = 0; seed < 20; seed++) {
      CLAIM("events leave in order of time, class and sequence");
      CHECK(sorts(GAPS[k], seed, 1 + 37 * seed));
      CLAIM("they do while others come in");
      CHECK(mixes(GAPS[k], seed, 1 + 61 * seed));
    }
    CLAIM("events leave in order of time, class and sequence");
    CHECK(sorts(GAPS[k], 99, 100000));
    CLAIM("a queue that holds its size holds its order");
    if (GAPS[k] != falling && GAPS[k] != past_and_negative) CHECK(holds(GAPS[k], 7, 30000));
  }
  CLAIM("events of equal time all leave");
  for (size_t n = 1; n < 2000; n = 2 * n + 1)
    CHECK(equals_pass(n));
  return DONE();
}
