#include "base/spelling.h"

#include <stdbool.h>
#include <string.h>

enum { LONGEST = 32 }; /* letters; a longer name is like none of ours */

static int least_of(int a, int b)
{
  return a < b ? a : b;
}

/* Insertions, deletions, replacements and swaps of neighbours that turn a into b; both are at most LONGEST
** long. Source: the restricted distance of Damerau, Commun. ACM 7(3), 1964, by dynamic programming. */
static int distance(const char *a, const char *b)
{
  int d[LONGEST + 1][LONGEST + 1];
  const int m = (int)strlen(a), n = (int)strlen(b);
  for (int i = 0; i <= m; i++)
    d[i][0] = i;
  for (int j = 0; j <= n; j++)
    d[0][j] = j;
  for (int i = 1; i <= m; i++)
    for (int j = 1; j <= n; j++) {
      const int step = least_of(d[i - 1][j], d[i][j - 1]) + 1;
      d[i][j] = least_of(step, d[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d[i][j] = least_of(d[i][j], d[i - 2][j - 2] + 1);
    }
  return d[m][n];
}

const char *orc_spelling_nearest(const char *typed, const char *const *names, int count)
{
  const size_t length = strlen(typed);
  const char *best = NULL;
  int least = LONGEST;
  if (length == 0 || length > LONGEST) return NULL;
  for (int i = 0; i < count; i++) {
    const size_t other = strlen(names[i]);
    if (other > LONGEST) continue;
    const int third = (int)(length > other ? length : other) / 3;
    const int limit = length <= 3 || other <= 2 ? 1 : third > 2 ? third : 2;
    const bool begins = length >= 3 && strncmp(names[i], typed, length) == 0;
    const int far = begins ? 1 : distance(typed, names[i]);
    if (far > limit || far >= least) continue;
    least = far;
    best = names[i];
  }
  return best;
}
