/*
** regimes.h - the measured time of a collective over the ranks of one node: a straight line for
** each range of sizes, since engines and libraries change their kernel with the size of a message.
** Pure functions over a value that can be copied.
*/
#ifndef ORC_COST_REGIMES_H
#define ORC_COST_REGIMES_H

#include "base/base.h"

enum { ORC_REGIMES = 16 };

/* base + bytes x per_byte, for messages of fewer bytes than `below`. */
typedef struct orc_regime {
  double below;    /* B, > 0; the last one's holds for all that are larger too */
  double base;     /* s, >= 0 */
  double per_byte; /* s/B, >= 0 */
} orc_regime;

typedef struct orc_regimes {
  int count; /* 0: nothing was measured */
  orc_regime of[ORC_REGIMES];
} orc_regimes;

/* Whether sizes rise and all numbers are in range; false: *e says which is not. */
bool orc_regimes_check(const orc_regimes *r, orc_error *e);

/*
** s for `bytes` (>= 0, as collective.h counts them). Never falls as bytes grow: where the next
** regime begins below the end of the one before, it takes as long as that did there.
**   r   passed orc_regimes_check, count > 0
*/
double orc_regimes_time(const orc_regimes *r, double bytes);

/* s of it in which bytes move: what the regime's line adds to its base. At most orc_regimes_time. */
double orc_regimes_flow(const orc_regimes *r, double bytes);

#endif
