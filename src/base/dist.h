/*
** dist.h - distributions of lengths, gaps and think times, all parameters linear (not log space)
** unless the name says otherwise.
*/
#ifndef ORC_BASE_DIST_H
#define ORC_BASE_DIST_H

#include "base/base.h"
#include "base/rng.h"

typedef enum orc_dist_kind {
  ORC_DIST_CONSTANT,    /* a: value */
  ORC_DIST_UNIFORM,     /* a: low, b: high; [low, high) */
  ORC_DIST_NORMAL,      /* a: mean, b: standard deviation >= 0 */
  ORC_DIST_LOGNORMAL,   /* a: mu, b: sigma >= 0 of the underlying normal; median = exp(mu) */
  ORC_DIST_EXPONENTIAL, /* a: mean > 0 */
  ORC_DIST_PARETO,      /* a: shape > 0, b: scale > 0 (the smallest value) */
  ORC_DIST_WEIBULL,     /* a: shape > 0, b: scale > 0 */
  ORC_DIST_GAMMA,       /* a: shape > 0, b: scale > 0 */
  ORC_DIST_GEOMETRIC,   /* a: success probability in (0, 1]; trials up to the first success, >= 1 */
  ORC_DIST_LINEAR,      /* a: start, b: end, over index: value moves evenly from a to b; see sample_at */
  ORC_DIST_EMPIRICAL,   /* values with weights; drawn as given */
  ORC_DIST_MIXTURE,     /* parts with weights */
} orc_dist_kind;

/*
** A distribution. Owns `values`, `cumulative` and `parts` (made by the caller with orc_alloc);
** orc_dist_done frees them. min and max truncate by clamping; 0, 0 means none (has_min, has_max tell).
*/
typedef struct orc_dist {
  orc_dist_kind kind;
  double a, b;
  bool has_min, has_max;
  double min, max;
  int count;               /* EMPIRICAL, MIXTURE: entries, >= 1 */
  double *values;          /* EMPIRICAL: [count] */
  double *cumulative;      /* EMPIRICAL, MIXTURE: [count] running weights, last = total > 0 */
  struct orc_dist *parts;  /* MIXTURE: [count] */
  double span;             /* LINEAR: the index at which b is reached, >= 1 */
} orc_dist;

void orc_dist_done(orc_dist *d);

/* One draw; `index` (the request's number) matters to LINEAR alone. Never NaN. */
double orc_dist_sample(const orc_dist *d, orc_rng *r, uint64_t index);

/* A draw as a count: rounded to nearest, at least `least`, at most 2^31 - 1. */
int orc_dist_count(const orc_dist *d, orc_rng *r, uint64_t index, int least);

/* The mean without truncation; +inf where it does not exist (Pareto with shape <= 1). */
double orc_dist_mean(const orc_dist *d);

#endif
