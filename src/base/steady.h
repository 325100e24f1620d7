/*
** steady.h - waiting for another thread with a time-out that no change of the date moves.
*/
#ifndef ORC_BASE_STEADY_H
#define ORC_BASE_STEADY_H

#include <pthread.h>

/* A condition whose time-outs are moments of CLOCK_MONOTONIC. Release with pthread_cond_destroy. */
void orc_steady_init(pthread_cond_t *condition);

#endif
