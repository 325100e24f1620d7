/*
** hist.h - a distribution of observed values: exact moments; quantiles exact for small counts and
** within a stated relative error beyond, in bounded memory. Filled by weight.
*/
#ifndef ORC_BASE_HIST_H
#define ORC_BASE_HIST_H

#include "base/base.h"

enum {
  ORC_HIST_EXACT = 4096, /* distinct values kept exactly before the sketch takes over */
  ORC_HIST_BITS = 11,    /* bits after the leading one that name a bucket of the sketch */
  ORC_HIST_BUCKETS = (62 - ORC_HIST_BITS + 2) << ORC_HIST_BITS, /* for every value below 2^63 */
};

typedef struct orc_hist_exact orc_hist_exact; /* see hist.c */

/*
** Values are whole numbers >= 0 (ns for times). An empty histogram is all zeroes. Sums are exact
** integers (128 bit) and the sketch takes over by the number of distinct values, so the order of
** additions and merges never changes a result.
** Bound: the sum of weight x value^2 must stay below 2^128 (10 billion values of two days in ns).
** Memory: none while empty, then 20 bytes for each of 8, 16, ... 4096 distinct values; with the sketch
** instead 848 KiB of addresses, of which only the touched pages are ever real.
*/
typedef struct orc_hist {
  uint64_t count; /* total weight */
  int64_t min, max;
  __int128 sum;
  unsigned __int128 squares;
  orc_hist_exact *exact; /* NULL when empty and once the sketch has taken over */
  uint64_t *bucket;      /* the sketch: [ORC_HIST_BUCKETS], logarithmic; NULL before */
  int pending;           /* additions that the exact values do not have yet: they go in together */
} orc_hist;

void orc_hist_done(orc_hist *h); /* frees; the histogram is then empty and may be used again */

/*
** Add one value.
**   value    >= 0
**   weight   how often it was seen; 0 adds nothing
** Allocates at its 1st, 9th, 17th, 33rd ... and 2049th distinct value and when the sketch takes over,
** never again.
*/
static inline void orc_hist_add(orc_hist *h, int64_t value, uint64_t weight);

/* Add all of `from`, which is left as it was, to `into`. Any order of merges gives the same. */
void orc_hist_merge(orc_hist *into, const orc_hist *from);

/* Of a non-empty histogram; 0 when empty. Standard deviation is of the population. */
double orc_hist_mean(const orc_hist *h);
double orc_hist_std(const orc_hist *h);

/*
** The quantile by linear interpolation between closest ranks (rank q (count - 1)), as numpy's
** default does; never outside [min, max]; 0 when empty.
**   q   in [0, 1]
** Exact up to ORC_HIST_EXACT distinct values; beyond, ranks are spread evenly over their bucket,
** whose width is at most 2^-11 of its values, and so no rank is further off than that.
** May sort the exact values in place.
*/
double orc_hist_quantile(orc_hist *h, double q);

/*
** The weight of values up to `value`, itself included: a bucket of a cumulative histogram.
** Exact up to ORC_HIST_EXACT distinct values; beyond, for a value no further off than 2^-11 of it.
*/
uint64_t orc_hist_count_to(const orc_hist *h, int64_t value);

/* The part of add that the exact values need; not to be called otherwise. */
void orc_hist_add_exact(orc_hist *h, int64_t value, uint64_t weight);

/* The bucket of a value: below 2^(BITS + 1) one value each; above, each doubling has 2^BITS. */
static inline size_t orc_hist_bucket(int64_t value)
{
  const uint64_t v = (uint64_t)value;
  const int leading = 63 ^ __builtin_clzll(v | (uint64_t)1 << ORC_HIST_BITS);
  const int shift = leading - ORC_HIST_BITS;
  return ((size_t)shift << ORC_HIST_BITS) + (size_t)(v >> shift);
}

/* Values of `weight` in all, by their sums and bounds. */
typedef struct orc_hist_moments {
  uint64_t weight;
  int64_t min, max;
  unsigned __int128 sum, squares;
} orc_hist_moments;

/*
** The two parts of add, for many values at once: each is counted where `value` is, up to the first
** one beyond that place, and all are added up. Between the parts the histogram must not be used.
*/
static inline void orc_hist_count(orc_hist *h, int64_t value, uint64_t weight)
{
  if (h->bucket != NULL)
    h->bucket[orc_hist_bucket(value)] += weight;
  else
    orc_hist_add_exact(h, value, weight);
}

static inline int64_t orc_hist_beyond(const orc_hist *h, int64_t value)
{
  if (h->bucket == NULL) return value + 1;
  const int octave = (int)(orc_hist_bucket(value) >> ORC_HIST_BITS);
  const int shift = octave < 2 ? 0 : octave - 1;
  return ((value >> shift) + 1) << shift;
}

static inline void orc_hist_add_up(orc_hist *h, const orc_hist_moments *of)
{
  if (h->count == 0 || of->min < h->min) h->min = of->min;
  if (of->max > h->max) h->max = of->max;
  h->count += of->weight;
  h->sum += (__int128)of->sum;
  h->squares += of->squares;
}

/* Inline because many simulated steps end in it. */
static inline void orc_hist_add(orc_hist *h, int64_t value, uint64_t weight)
{
  ORC_ASSERT(value >= 0);
  if (weight == 0) return;
  const unsigned __int128 sum = (unsigned __int128)(uint64_t)value * weight;
  orc_hist_add_up(h, &(orc_hist_moments){ .weight = weight,
                                          .min = value,
                                          .max = value,
                                          .sum = sum,
                                          .squares = sum * (uint64_t)value });
  orc_hist_count(h, value, weight);
}

#endif
