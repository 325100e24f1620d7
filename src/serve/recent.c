#include "serve/recent.h"

#include <stdlib.h>
#include <string.h>

void orc_recent_add(orc_recent *l, orc_time value)
{
  if (value >= 0) l->at[l->count++ % ORC_RECENT] = value;
}

static int ascending(const void *a, const void *b)
{
  const orc_time x = *(const orc_time *)a, y = *(const orc_time *)b;
  return (x > y) - (x < y);
}

bool orc_recent_quantiles(const orc_recent *l, orc_time at[3])
{
  static const double shares[] = { 0.5, 0.9, 0.99 };
  orc_time sorted[ORC_RECENT];
  const size_t n = l->count < ORC_RECENT ? (size_t)l->count : ORC_RECENT;
  if (n == 0) return false;
  memcpy(sorted, l->at, n * sizeof *sorted);
  qsort(sorted, n, sizeof *sorted, ascending);
  for (int i = 0; i < 3; i++)
    at[i] = sorted[(size_t)(shares[i] * (double)(n - 1))];
  return true;
}
