#include "cost/regimes.h"

#include <math.h>

static bool in_range(double v)
{
  return isfinite(v) && v >= 0.0;
}

bool orc_regimes_check(const orc_regimes *r, orc_error *e)
{
  double from = 0.0;
  for (int i = 0; i < r->count; i++) {
    const orc_regime *g = &r->of[i];
    if (!(g->below > from))
      return orc_fail(e, "[%d].below = %g B, expected more than %g", i + 1, g->below, from);
    if (!in_range(g->base) || !in_range(g->per_byte))
      return orc_fail(e, "[%d]: %g s + %g s per B, expected numbers of at least 0", i + 1, g->base,
                      g->per_byte);
    from = g->below;
  }
  return true;
}

static double line(const orc_regime *g, double bytes)
{
  return g->base + g->per_byte * bytes;
}

static const orc_regime *regime_of(const orc_regimes *r, double bytes)
{
  int i = 0;
  while (i + 1 < r->count && bytes >= r->of[i].below)
    i++;
  return &r->of[i];
}

double orc_regimes_time(const orc_regimes *r, double bytes)
{
  ORC_ASSERT(r->count > 0 && bytes >= 0.0);
  const orc_regime *g = regime_of(r, bytes);
  double t = line(g, bytes);
  for (const orc_regime *before = r->of; before < g; before++)
    t = fmax(t, line(before, before->below));
  return t;
}

double orc_regimes_flow(const orc_regimes *r, double bytes)
{
  return regime_of(r, bytes)->per_byte * bytes;
}
