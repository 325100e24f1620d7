#include "base/hist.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
  FIRST_BITS = 3, /* of the values there is room for at first */
  GROWTH_BITS = 1,
  LAST_BITS = 12, /* ORC_HIST_EXACT */
  DIGIT = 10,     /* bits that one pass of the sort looks at */
  TOGETHER = 8,   /* additions that go in at once */
};

typedef struct point {
  int64_t value;
  uint64_t weight;
} point;

/*
** Distinct values with their weights, and behind them a hash from value to entry + 1 (0: free), with
** two slots for each value there is room for: open addressing needs free ones. Ten thousand idle
** servers have five histograms each, so one begins small. Those of many servers do not stay in the
** processor's cache, and each addition would wait for memory twice: some go in together, whose places
** are then fetched all at once.
*/
struct orc_hist_exact {
  int count;
  int bits;             /* there is room for 2^bits values */
  bool sorted;          /* by value */
  bool hashed;          /* false: sorting has moved the values since the hash was made */
  point wait[TOGETHER]; /* [orc_hist.pending] */
  point at[];
};

_Static_assert(1 << LAST_BITS == ORC_HIST_EXACT, "room ends where the sketch begins");
_Static_assert((LAST_BITS - FIRST_BITS) % GROWTH_BITS == 0, "growth ends there as well");

static size_t size_of(int bits)
{
  return sizeof(orc_hist_exact) + (sizeof(point) + 2 * sizeof(uint16_t)) * ((size_t)1 << bits);
}

static uint16_t *slots_of(orc_hist_exact *x)
{
  return (uint16_t *)(void *)&x->at[(size_t)1 << x->bits];
}

/* The slot where a value is looked for first. */
static size_t home_of(const orc_hist_exact *x, int64_t value)
{
  return ((uint64_t)value * 0x9e3779b97f4a7c15) >> (63 - x->bits);
}

void orc_hist_done(orc_hist *h)
{
  free(h->exact);
  orc_free_sparse(h->bucket, ORC_HIST_BUCKETS, sizeof *h->bucket);
  *h = (orc_hist){ 0 };
}

/* The slot of a value: its own, or the free one where it belongs. */
static uint16_t *find(orc_hist_exact *x, int64_t value)
{
  uint16_t *slot = slots_of(x);
  const size_t last = ((size_t)2 << x->bits) - 1;
  size_t i = home_of(x, value);
  while (slot[i] != 0 && x->at[slot[i] - 1].value != value)
    i = (i + 1) & last;
  return &slot[i];
}

static void rehash(orc_hist_exact *x)
{
  x->hashed = true;
  memset(slots_of(x), 0, sizeof(uint16_t) * ((size_t)2 << x->bits));
  for (int i = 0; i < x->count; i++)
    *find(x, x->at[i].value) = (uint16_t)(i + 1);
}

/* Room for 2^bits values, for those of x (NULL: none yet). */
static orc_hist_exact *resized(orc_hist_exact *x, int bits)
{
  const bool is_new = x == NULL;
  x = orc_resize(x, 1, size_of(bits));
  if (is_new) *x = (orc_hist_exact){ .sorted = true };
  x->bits = bits;
  rehash(x);
  return x;
}

static void spill(orc_hist *h)
{
  orc_hist_exact *x = h->exact;
  h->bucket = orc_alloc_sparse(ORC_HIST_BUCKETS, sizeof *h->bucket);
  for (int i = 0; x != NULL && i < x->count; i++)
    h->bucket[orc_hist_bucket(x->at[i].value)] += x->at[i].weight;
  free(x);
  h->exact = NULL;
}

static void put(orc_hist *h, int64_t value, uint64_t weight)
{
  if (h->bucket != NULL) { /* since the one before */
    h->bucket[orc_hist_bucket(value)] += weight;
    return;
  }
  orc_hist_exact *x = h->exact;
  if (x->count > 0 && x->at[x->count - 1].value == value) {
    x->at[x->count - 1].weight += weight;
    return;
  }
  if (x->count == 1 << x->bits && x->bits < LAST_BITS)
    x = h->exact = resized(x, x->bits + GROWTH_BITS);
  else if (!x->hashed)
    rehash(x);
  uint16_t *slot = find(x, value);
  if (*slot != 0) {
    x->at[*slot - 1].weight += weight;
  } else if (x->count < ORC_HIST_EXACT) {
    x->sorted = x->sorted && (x->count == 0 || x->at[x->count - 1].value < value);
    x->at[x->count++] = (point){ .value = value, .weight = weight };
    *slot = (uint16_t)x->count;
  } else {
    spill(h);
    h->bucket[orc_hist_bucket(value)] += weight;
  }
}

/* Add the values that are known by now, after asking for the memory that finding all will want: how
** many of them, those that are left being the first in `wait`. */
static int add_known(orc_hist_exact *x, point *wait, int n)
{
  const uint16_t *slots = slots_of(x);
  const size_t last = ((size_t)2 << x->bits) - 1;
  size_t home[TOGETHER];
  int left = 0;
  for (int i = 0; i < n; i++) {
    home[i] = home_of(x, wait[i].value);
    __builtin_prefetch(slots + home[i]);
  }
  for (int i = 0; i < n; i++)
    __builtin_prefetch(x->at + slots[home[i]], 1);
  for (int i = 0; i < n; i++) {
    size_t s = home[i];
    while (slots[s] != 0 && x->at[slots[s] - 1].value != wait[i].value)
      s = (s + 1) & last;
    if (slots[s] != 0)
      x->at[slots[s] - 1].weight += wait[i].weight;
    else
      wait[left++] = wait[i];
  }
  return left;
}

/* All additions are among the exact values, or in the sketch. */
static void flush(orc_hist *h)
{
  int n = h->pending;
  point wait[TOGETHER];
  if (n == 0) return;
  h->pending = 0;
  memcpy(wait, h->exact->wait, sizeof wait);
  if (h->exact->hashed) n = add_known(h->exact, wait, n);
  for (int i = 0; i < n; i++)
    put(h, wait[i].value, wait[i].weight);
}

static __attribute__((noinline)) void add_first(orc_hist *h, int64_t value, uint64_t weight)
{
  h->exact = resized(NULL, FIRST_BITS);
  orc_hist_add_exact(h, value, weight);
}

void orc_hist_add_exact(orc_hist *h, int64_t value, uint64_t weight)
{
  if (h->exact == NULL) {
    add_first(h, value, weight);
    return;
  }
  h->exact->wait[h->pending++] = (point){ .value = value, .weight = weight };
  if (h->pending == TOGETHER) flush(h);
}

void orc_hist_merge(orc_hist *into, const orc_hist *from)
{
  if (from->count == 0) return;
  if (into->count == 0 && from->bucket == NULL) {
    *into = *from;
    into->exact = orc_resize(NULL, 1, size_of(from->exact->bits));
    memcpy(into->exact, from->exact, size_of(from->exact->bits));
    return;
  }
  if (from->bucket == NULL) {
    for (int i = 0; i < from->exact->count; i++)
      orc_hist_add(into, from->exact->at[i].value, from->exact->at[i].weight);
    for (int i = 0; i < from->pending; i++)
      orc_hist_add(into, from->exact->wait[i].value, from->exact->wait[i].weight);
    return;
  }
  flush(into);
  if (into->bucket == NULL) spill(into);
  const size_t last = orc_hist_bucket(from->max);
  for (size_t i = orc_hist_bucket(from->min); i <= last; i++)
    if (from->bucket[i] != 0) into->bucket[i] += from->bucket[i];
  if (into->count == 0 || from->min < into->min) into->min = from->min;
  if (from->max > into->max) into->max = from->max;
  into->count += from->count;
  into->sum += from->sum;
  into->squares += from->squares;
}

double orc_hist_mean(const orc_hist *h)
{
  return h->count == 0 ? 0.0 : (double)h->sum / (double)h->count;
}

/*
** About the whole part m of the mean, sum w (v - m)^2 = squares - m (sum + r) with r = sum - n m:
** an exact integer (modulo 2^128, and it fits), so nothing cancels. r/n < 1 mends the rest.
*/
double orc_hist_std(const orc_hist *h)
{
  if (h->count == 0) return 0.0;
  const unsigned __int128 sum = (unsigned __int128)h->sum, n = h->count, m = sum / n, r = sum % n;
  const double about = (double)(h->squares - m * (sum + r)) / (double)n;
  const double rest = (double)r / (double)n;
  return sqrt(fmax(about - rest * rest, 0.0));
}

uint64_t orc_hist_count_to(const orc_hist *h, int64_t value)
{
  uint64_t n = 0;
  if (h->count == 0 || value < h->min) return 0;
  if (value >= h->max) return h->count;
  if (h->bucket == NULL) {
    for (int i = 0; i < h->exact->count; i++)
      if (h->exact->at[i].value <= value) n += h->exact->at[i].weight;
    for (int i = 0; i < h->pending; i++)
      if (h->exact->wait[i].value <= value) n += h->exact->wait[i].weight;
    return n;
  }
  const size_t last = orc_hist_bucket(value);
  for (size_t i = orc_hist_bucket(h->min); i <= last; i++)
    n += h->bucket[i];
  return n;
}

/* One pass of a radix sort: from `from` to `to` in the order of one digit, equals as they were. */
static void sort_by_digit(const point *from, point *to, int count, int64_t least, int shift)
{
  int place[1 << DIGIT] = { 0 }; /* how many have a digit, then where the next of them goes */
  const uint64_t mask = ((uint64_t)1 << DIGIT) - 1;
  for (int i = 0; i < count; i++)
    place[(uint64_t)(from[i].value - least) >> shift & mask]++;
  int sum = 0;
  for (int d = 0; d < 1 << DIGIT; d++) {
    const int here = place[d];
    place[d] = sum;
    sum += here;
  }
  for (int i = 0; i < count; i++)
    to[place[(uint64_t)(from[i].value - least) >> shift & mask]++] = from[i];
}

static void sort(orc_hist_exact *x, int64_t least, int64_t most)
{
  if (x->sorted) return;
  point *spare = orc_resize(NULL, (size_t)x->count, sizeof *spare), *from = x->at, *to = spare;
  for (int shift = 0; shift < 63 && (most - least) >> shift > 0; shift += DIGIT) {
    sort_by_digit(from, to, x->count, least, shift);
    point *const sorted = to;
    to = from;
    from = sorted;
  }
  if (from != x->at) memcpy(x->at, from, (size_t)x->count * sizeof *from);
  free(spare);
  x->sorted = true;
  x->hashed = false;
}

/* The values of ranks k and k + 1 (from 0). */
typedef struct pair {
  double low, high;
} pair;

static pair exact_pair(const orc_hist *h, uint64_t k)
{
  orc_hist_exact *x = h->exact;
  sort(x, h->min, h->max);
  uint64_t before = 0; /* ranks below entry i */
  int i = 0;
  while (before + x->at[i].weight <= k)
    before += x->at[i++].weight;
  const bool same = before + x->at[i].weight > k + 1 || i + 1 == x->count;
  return (pair){ .low = (double)x->at[i].value, .high = (double)x->at[same ? i : i + 1].value };
}

/* The value of the k-th of n ranks in bucket i, spread evenly from its first value to its last. */
static double within(size_t i, uint64_t k, uint64_t n)
{
  const size_t octave = i >> ORC_HIST_BITS;
  const int shift = octave < 2 ? 0 : (int)octave - 1;
  const double first = (double)((i - ((size_t)shift << ORC_HIST_BITS)) << shift);
  return first + (double)(((uint64_t)1 << shift) - 1) * (((double)k + 0.5) / (double)n);
}

static pair sketch_pair(const orc_hist *h, uint64_t k)
{
  uint64_t before = 0;
  size_t i = orc_hist_bucket(h->min);
  while (before + h->bucket[i] <= k)
    before += h->bucket[i++];
  const double low = within(i, k - before, h->bucket[i]);
  if (k + 1 < before + h->bucket[i])
    return (pair){ .low = low, .high = within(i, k + 1 - before, h->bucket[i]) };
  if (k + 1 == h->count) return (pair){ .low = low, .high = low };
  do
    i++;
  while (h->bucket[i] == 0);
  return (pair){ .low = low, .high = within(i, 0, h->bucket[i]) };
}

double orc_hist_quantile(orc_hist *h, double q)
{
  ORC_ASSERT(q >= 0.0 && q <= 1.0);
  if (h->count == 0) return 0.0;
  flush(h);
  const double rank = q * (double)(h->count - 1), whole = floor(rank), t = rank - whole;
  /* A count beyond 2^53 may round up; its last rank is the maximum in any case. */
  if (whole >= (double)(h->count - 1)) return (double)h->max;
  if (rank == 0.0) return (double)h->min;
  const uint64_t k = (uint64_t)whole;
  const pair p = h->bucket == NULL ? exact_pair(h, k) : sketch_pair(h, k);
  /* From the nearer end, as numpy does: both ends are hit exactly. */
  const double gap = p.high - p.low;
  const double x = t < 0.5 ? p.low + gap * t : p.high - gap * (1.0 - t);
  return fmin(fmax(x, (double)h->min), (double)h->max);
}
