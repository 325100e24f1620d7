#include "base/steady.h"

#include <time.h>

void orc_steady_init(pthread_cond_t *condition)
{
  pthread_condattr_t steady;
  pthread_condattr_init(&steady);
  pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
  pthread_cond_init(condition, &steady);
  pthread_condattr_destroy(&steady);
}
