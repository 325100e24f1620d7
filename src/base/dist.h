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
  ORC_DIST_LINEAR, /* a: start, b: end; index 0 gives a, span and beyond give b, evenly between */
  ORC_DIST_EMPIRICAL, /* values with weights; drawn as given */
  ORC_DIST_MIXTURE,   /* parts with weights */
} orc_dist_kind;

/* Shapes of GAMMA, PARETO and WEIBULL: beyond them draws are 0, without end, or all alike. */
#define ORC_DIST_SHAPE_LEAST 1e-6
#define ORC_DIST_SHAPE_MOST 1e12

/*
** A distribution. Owns `values`, `cumulative` and `parts` (made by the caller with orc_alloc);
** orc_dist_done frees them. min and max truncate by clamping, where has_min and has_max say so; a
** mixture clamps after its parts.
*/
typedef struct orc_dist {
  orc_dist_kind kind;
  double a, b;
  bool has_min, has_max;
  double min, max;
  int count;              /* EMPIRICAL, MIXTURE: entries, >= 1 */
  double *values;         /* EMPIRICAL: [count] */
  double *cumulative;     /* EMPIRICAL, MIXTURE: [count] running weights, last = total > 0 */
  struct orc_dist *parts; /* MIXTURE: [count] */
  double span;            /* LINEAR: the index at which b is reached, >= 1 */
} orc_dist;

/* Frees what d owns, parts included; d is then a constant 0. */
void orc_dist_done(orc_dist *d);

/*
** One draw. Parameters are trusted to be in the ranges above: the code that reads them from a person
** checks them.
**   index   the request's number, from 0; matters to LINEAR alone
** Never NaN; +inf where a tail leaves the range of doubles. GAMMA aside, a distribution that
** is no mixture takes the same number of draws from the stream each time.
*/
double orc_dist_sample(const orc_dist *d, orc_rng *r, uint64_t index);

/* A draw as a count: rounded to nearest (halves up), at least `least` >= 0, at most 2^31 - 1. */
int orc_dist_count(const orc_dist *d, orc_rng *r, uint64_t index, int least);

/*
** The mean without truncation; +inf where it does not exist (Pareto with shape <= 1). LINEAR: the
** mean over its span.
*/
double orc_dist_mean(const orc_dist *d);

#endif
