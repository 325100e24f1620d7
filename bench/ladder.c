/*
** The event queue against raw heaps in the hold model: take the earliest event, put one back at its
** time plus a random increment (exponential), so that the number pending stays the same. The raw
** heaps hold 16-byte keys and nothing else; our events carry 8 bytes more. CPU time, best of a few.
*/
#include "base/ladder.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/rng.h"

enum { INCREMENTS = 8192, TRIES = 3 };

typedef struct raw {
  orc_event_key *at;
  size_t count;
} raw;

typedef struct load {
  orc_rng r;
  uint64_t sequence;
  orc_time increment[INCREMENTS];
} load;

static double seconds(void)
{
  struct timespec t;
  (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static orc_time increment(load *l)
{
  return l->increment[orc_rng_next(&l->r) % INCREMENTS];
}

static void binary_push(raw *h, orc_event_key k)
{
  size_t i = h->count++;
  for (; i > 0 && k < h->at[(i - 1) / 2]; i = (i - 1) / 2)
    h->at[i] = h->at[(i - 1) / 2];
  h->at[i] = k;
}

static orc_event_key binary_pop(raw *h)
{
  const orc_event_key first = h->at[0], last = h->at[--h->count];
  size_t i = 0;
  for (size_t c = 1; c < h->count; i = c, c = 2 * i + 1) {
    if (c + 1 < h->count && h->at[c + 1] < h->at[c]) c++;
    if (last <= h->at[c]) break;
    h->at[i] = h->at[c];
  }
  h->at[i] = last;
  return first;
}

/* The root lies at 3 and the children of i at 4 (i - 2): four children are one cache line. */
static void four_push(raw *h, orc_event_key k)
{
  size_t i = 3 + h->count++;
  for (; i > 3 && k < h->at[i / 4 + 2]; i = i / 4 + 2)
    h->at[i] = h->at[i / 4 + 2];
  h->at[i] = k;
}

static size_t least_of_four(const orc_event_key *at, size_t c)
{
  const size_t x = c + (at[c + 1] < at[c]), y = c + 2 + (at[c + 3] < at[c + 2]);
  return at[y] < at[x] ? y : x;
}

static orc_event_key four_pop(raw *h)
{
  const orc_event_key first = h->at[3], last = h->at[2 + h->count--];
  const size_t end = 3 + h->count;
  size_t i = 3;
  for (size_t c = 4; c < end; c = 4 * (i - 2)) {
    size_t least = c;
    if (c + 4 <= end)
      least = least_of_four(h->at, c);
    else
      for (size_t k = c + 1; k < end; k++)
        if (h->at[k] < h->at[least]) least = k;
    if (last <= h->at[least]) break;
    h->at[i] = h->at[least];
    i = least;
  }
  h->at[i] = last;
  return first;
}

static orc_event next(load *l, orc_time now)
{
  return (orc_event){ .time = now + increment(l), .order = l->sequence++ };
}

static orc_event_key next_key(load *l, orc_event_key now)
{
  const orc_event e = next(l, (orc_time)(uint64_t)(now >> 64));
  return (orc_event_key)(uint64_t)e.time << 64 | e.order;
}

/* Each returns the seconds of `holds` holds with `pending` events, after as many to settle. */
static double hold_ladder(load *l, size_t pending, size_t holds)
{
  orc_ladder q = { 0 };
  for (size_t i = 0; i < pending; i++)
    orc_ladder_push(&q, next(l, 0));
  double start = 0.0;
  for (size_t i = 0; i < 2 * pending + holds; i++) {
    if (i == 2 * pending) start = seconds();
    orc_ladder_push(&q, next(l, orc_ladder_pop(&q).time));
  }
  const double taken = seconds() - start;
  orc_ladder_done(&q);
  return taken;
}

static double hold_binary(load *l, size_t pending, size_t holds)
{
  raw h = { .at = orc_alloc_aligned(64, pending, sizeof *h.at) };
  for (size_t i = 0; i < pending; i++)
    binary_push(&h, next_key(l, 0));
  double start = 0.0;
  for (size_t i = 0; i < 2 * pending + holds; i++) {
    if (i == 2 * pending) start = seconds();
    binary_push(&h, next_key(l, binary_pop(&h)));
  }
  const double taken = seconds() - start;
  free(h.at);
  return taken;
}

static double hold_four(load *l, size_t pending, size_t holds)
{
  raw h = { .at = orc_alloc_aligned(64, pending + 4, sizeof *h.at) };
  for (size_t i = 0; i < pending; i++)
    four_push(&h, next_key(l, 0));
  double start = 0.0;
  for (size_t i = 0; i < 2 * pending + holds; i++) {
    if (i == 2 * pending) start = seconds();
    four_push(&h, next_key(l, four_pop(&h)));
  }
  const double taken = seconds() - start;
  free(h.at);
  return taken;
}

/* Nanoseconds per hold, the best of some tries. */
static double best(double (*hold)(load *, size_t, size_t), load *l, size_t pending)
{
  const size_t holds = pending < 300000 ? 1500000 : 4 * pending;
  double least = 1e9;
  for (int i = 0; i < TRIES; i++) {
    l->r = orc_rng_stream(1, ORC_FOR_TESTS, 0);
    const double taken = hold(l, pending, holds);
    if (taken < least) least = taken;
  }
  return least / (double)holds * 1e9;
}

int main(void)
{
  load *l = orc_alloc(1, sizeof *l);
  orc_rng r = orc_rng_stream(2, ORC_FOR_TESTS, 0);
  for (int i = 0; i < INCREMENTS; i++)
    l->increment[i] = (orc_time)(1e9 * orc_rng_exponential(&r));
  const size_t sizes[] = { 1, 4, 16, 64, 256, 1000, 10000, 100000, 1000000 };
  printf("events pending   ns per hold: ladder   binary heap   4-ary heap   ladder / best heap\n");
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    const double ladder = best(hold_ladder, l, sizes[i]);
    const double binary = best(hold_binary, l, sizes[i]), four = best(hold_four, l, sizes[i]);
    printf("%14zu   %19.1f   %11.1f   %10.1f   %18.2f\n", sizes[i], ladder, binary, four,
           ladder / (binary < four ? binary : four));
    (void)fflush(stdout);
  }
  free(l);
  return 0;
}
