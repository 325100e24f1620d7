#include "bind/host/partial_files.h"

#include <limits.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum { MOST = 8 };

/* A signal handler knows no other place than a global one, and may not allocate. */
static char paths[MOST][PATH_MAX];
static volatile sig_atomic_t noted[MOST];

void orc_partial_files_add(const char *path)
{
  const size_t length = strlen(path);
  int i = 0;
  while (i < MOST && noted[i])
    i++;
  if (i == MOST || length >= PATH_MAX) return;
  memcpy(paths[i], path, length + 1);
  noted[i] = 1;
}

void orc_partial_files_drop(const char *path)
{
  for (int i = 0; i < MOST; i++)
    if (noted[i] && strcmp(paths[i], path) == 0) noted[i] = 0;
}

void orc_partial_files_remove(void)
{
  for (int i = 0; i < MOST; i++)
    if (noted[i]) unlink(paths[i]);
}
