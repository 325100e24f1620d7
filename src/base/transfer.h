/*
** transfer.h - one message of a plan: what a collective's schedule gives, and a network carries.
*/
#ifndef ORC_BASE_TRANSFER_H
#define ORC_BASE_TRANSFER_H

#include "base/base.h"

enum { ORC_RANK_SWITCH = -1 }; /* stands for the switch the ranks are joined by */

typedef struct orc_transfer {
  int round;    /* 0, 1, 2 ...: begins when all of the round before have come in */
  int from, to; /* ranks, 0 .. ranks - 1, or ORC_RANK_SWITCH */
  double bytes; /* B, >= 0 */
} orc_transfer;

/* Give the next message of `plan` in *t, rounds never falling; false: there is none. */
typedef bool orc_transfer_next(void *plan, orc_transfer *t);

#endif
