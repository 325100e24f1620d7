#include "base/dist.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>

#include "base/real.h"

/* Recursion follows the nesting a person wrote. NOLINTNEXTLINE(misc-no-recursion) */
void orc_dist_done(orc_dist *d)
{
  for (int i = 0; d->parts != NULL && i < d->count; i++)
    orc_dist_done(&d->parts[i]);
  free(d->parts);
  free(d->values);
  free(d->cumulative);
  *d = (orc_dist){ 0 };
}

/* An entry, chosen by weight: the first whose running weight exceeds the draw. */
static int choose(const orc_dist *d, orc_rng *r)
{
  const double x = orc_rng_uniform(r) * d->cumulative[d->count - 1];
  int low = 0, high = d->count - 1;
  while (low < high) {
    const int middle = low + (high - low) / 2;
    if (d->cumulative[middle] > x)
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

static double clamp(double x, double low, double high)
{
  return x < low ? low : x > high ? high : x;
}

static double geometric(double p, orc_rng *r)
{
  const double trials = p < 1.0 ? ceil(orc_rng_exponential(r) / -orc_real_log1p(-p)) : 1.0;
  return trials < 1.0 ? 1.0 : trials;
}

/* A draw of any kind but MIXTURE, before truncation. */
static double draw(const orc_dist *d, orc_rng *r, uint64_t index)
{
  switch (d->kind) {
  case ORC_DIST_CONSTANT:
    return d->a;
  case ORC_DIST_UNIFORM:
    return d->a + (d->b - d->a) * orc_rng_uniform(r);
  case ORC_DIST_NORMAL:
    return d->a + d->b * orc_rng_normal(r);
  case ORC_DIST_LOGNORMAL:
    return orc_real_exp(d->a + d->b * orc_rng_normal(r));
  case ORC_DIST_EXPONENTIAL:
    return d->a * orc_rng_exponential(r);
  case ORC_DIST_PARETO:
    return d->b * orc_real_exp(orc_rng_exponential(r) / d->a);
  case ORC_DIST_WEIBULL:
    return d->b * orc_real_pow(orc_rng_exponential(r), 1.0 / d->a);
  case ORC_DIST_GAMMA:
    return d->b * orc_rng_gamma(r, d->a);
  case ORC_DIST_GEOMETRIC:
    return geometric(d->a, r);
  case ORC_DIST_LINEAR:
    return d->a + (d->b - d->a) * fmin((double)index / d->span, 1.0);
  case ORC_DIST_EMPIRICAL:
    return d->values[choose(d, r)];
  case ORC_DIST_MIXTURE:
    break;
  }
  orc_panic("a distribution of no known kind", __FILE__, __LINE__);
}

double orc_dist_sample(const orc_dist *d, orc_rng *r, uint64_t index)
{
  /* Clamping inside, then outside, is clamping once between the inner bounds, clamped themselves.
   */
  if (d->kind != ORC_DIST_MIXTURE && !d->has_min && !d->has_max) return draw(d, r, index);
  double low = -INFINITY, high = INFINITY;
  for (;; d = &d->parts[choose(d, r)]) {
    const double inner_low = d->has_min ? d->min : -INFINITY;
    const double inner_high = d->has_max ? d->max : INFINITY;
    const double outer_low = low, outer_high = high;
    low = clamp(inner_low, outer_low, outer_high);
    high = clamp(inner_high, outer_low, outer_high);
    if (d->kind != ORC_DIST_MIXTURE) return clamp(draw(d, r, index), low, high);
  }
}

int orc_dist_count(const orc_dist *d, orc_rng *r, uint64_t index, int least)
{
  ORC_ASSERT(least >= 0);
  const double x = orc_dist_sample(d, r, index) + 0.5;
  if (x >= (double)INT_MAX) return INT_MAX;
  return x > (double)least ? (int)x : least; /* what is no number, too */
}

static double weight(const orc_dist *d, int i)
{
  const double before = i == 0 ? 0.0 : d->cumulative[i - 1];
  return (d->cumulative[i] - before) / d->cumulative[d->count - 1];
}

/* Recursion follows the nesting a person wrote. NOLINTNEXTLINE(misc-no-recursion) */
double orc_dist_mean(const orc_dist *d)
{
  double mean = 0.0;
  switch (d->kind) {
  case ORC_DIST_CONSTANT:
  case ORC_DIST_NORMAL:
  case ORC_DIST_EXPONENTIAL:
    return d->a;
  case ORC_DIST_UNIFORM:
  case ORC_DIST_LINEAR:
    return 0.5 * (d->a + d->b);
  case ORC_DIST_LOGNORMAL:
    return orc_real_exp(d->a + 0.5 * d->b * d->b);
  case ORC_DIST_PARETO:
    return d->a > 1.0 ? d->b * d->a / (d->a - 1.0) : INFINITY;
  case ORC_DIST_WEIBULL:
    return d->b * tgamma(1.0 + 1.0 / d->a);
  case ORC_DIST_GAMMA:
    return d->a * d->b;
  case ORC_DIST_GEOMETRIC:
    return 1.0 / d->a;
  case ORC_DIST_EMPIRICAL:
    for (int i = 0; i < d->count; i++)
      mean += weight(d, i) * d->values[i];
    return mean;
  case ORC_DIST_MIXTURE:
    for (int i = 0; i < d->count; i++)
      if (weight(d, i) > 0.0) mean += weight(d, i) * orc_dist_mean(&d->parts[i]);
    return mean;
  }
  orc_panic("a distribution of no known kind", __FILE__, __LINE__);
}
