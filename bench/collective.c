/*
** collective.c - measured collectives against the model: one alpha and one beta per collective and
** group, fitted here by least squares of relative deviations, and how far off they are.
** Reads $ORACLE_DATA/collectives/h100-dgx.csv (default ../shared/data); without it there is nothing
** to do.
*/
#include "cost/collective.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 1024, GROUPS = 16 };

typedef struct group {
  char name[32];
  int ranks, per_node, n;
  double bytes[ROOM], seconds[ROOM];
} group;

static group *group_of(group *all, int *count, const char *name, int ranks, int per_node)
{
  for (int i = 0; i < *count; i++)
    if (strcmp(all[i].name, name) == 0 && all[i].ranks == ranks && all[i].per_node == per_node)
      return &all[i];
  if (*count == GROUPS) return NULL;
  group *g = &all[(*count)++];
  snprintf(g->name, sizeof g->name, "%s", name);
  g->ranks = ranks;
  g->per_node = per_node;
  return g;
}

static int read_all(FILE *f, group *all)
{
  char line[256];
  int count = 0;
  while (fgets(line, sizeof line, f) != NULL) {
    char name[32];
    int ranks, per_node;
    double bytes, ms;
    if (sscanf(line, "%31[^,],%d,%d,%lf,%lf", name, &ranks, &per_node, &bytes, &ms) != 5) continue;
    group *g = group_of(all, &count, name, ranks, per_node);
    if (g == NULL || g->n == ROOM) continue;
    g->bytes[g->n] = bytes;
    g->seconds[g->n++] = 1e-3 * ms;
  }
  return count;
}

static void report(const group *g)
{
  orc_collective c;
  orc_error e;
  orc_collective_line line;
  if (!orc_collective_find(g->name, &c, &e) ||
      !orc_collective_fit(g->bytes, g->seconds, g->n, &line, &e)) {
    printf("  %s, %d ranks: %s\n", g->name, g->ranks, e.msg);
    return;
  }
  const orc_group v = orc_collective_group_of(c, &line, g->ranks);
  printf("  %-10s %d ranks, %d per host: base %6.2f us, %6.3f ns/KB; alpha %6.2f us, %6.1f GB/s; "
         "error "
         "mean %4.1f%%, worst %5.1f%% of %d\n",
         g->name, g->ranks, g->per_node, 1e6 * line.base, 1e12 * line.per_byte, 1e6 * v.latency,
         1e-9 * v.bandwidth, 100.0 * line.error, 100.0 * line.worst, g->n);
}

int main(void)
{
  const char *data = getenv("ORACLE_DATA");
  char path[4096];
  snprintf(path, sizeof path, "%s/collectives/h100-dgx.csv",
           data != NULL ? data : "../shared/data");
  FILE *f = fopen(path, "r");
  if (f == NULL) {
    printf("  skipped: %s is not there\n", path);
    return 0;
  }
  group *all = orc_alloc(GROUPS, sizeof *all);
  const int count = read_all(f, all);
  fclose(f);
  for (int i = 0; i < count; i++)
    report(&all[i]);
  free(all);
  return 0;
}
