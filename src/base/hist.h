/*
** hist.h - a distribution of observed values: exact moments; quantiles exact for small counts and
** within a stated relative error beyond, in bounded memory. Filled by weight.
*/
#ifndef ORC_BASE_HIST_H
#define ORC_BASE_HIST_H

#include "base/base.h"

enum { ORC_HIST_EXACT = 4096 }; /* distinct additions kept exactly before the sketch takes over */

/*
** Values are whole numbers >= 0 (ns for times). An empty histogram is all zeroes. Sums are exact
** integers (128 bit), so the order of additions and merges never changes a result.
*/
typedef struct orc_hist {
  uint64_t count; /* total weight */
  int64_t min, max;
  __int128 sum;
  unsigned __int128 squares;
  int64_t *exact_value;    /* NULL once the sketch has taken over */
  uint64_t *exact_weight;
  int exact_count;
  uint64_t *bucket; /* the sketch: logarithmic buckets, relative half-width <= 2^-11 */
} orc_hist;

void orc_hist_done(orc_hist *h);
void orc_hist_add(orc_hist *h, int64_t value, uint64_t weight); /* value >= 0; weight 0 adds nothing */
void orc_hist_merge(orc_hist *into, const orc_hist *from);

/* Of a non-empty histogram; 0 when empty. Standard deviation is of the population. */
double orc_hist_mean(const orc_hist *h);
double orc_hist_std(const orc_hist *h);

/*
** The quantile q in [0, 1] by linear interpolation between closest ranks (rank q (count - 1)), as
** numpy's default does; never outside [min, max]. May sort the exact values in place.
*/
double orc_hist_quantile(orc_hist *h, double q);

#endif
