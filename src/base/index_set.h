/*
** index_set.h - the unused places of an array, handed out in ascending order, round and round, so
** that what is taken in a row stands in a row, whatever order it came back in.
*/
#ifndef ORC_BASE_INDEX_SET_H
#define ORC_BASE_INDEX_SET_H

#include "base/base.h"

/* All zeroes: empty. */
typedef struct orc_index_set {
  uint64_t *bits;  /* [room / 64] bit by place: it is in the set */
  uint64_t *words; /* [room / 4096, at least one] bit by word of these: it has any */
  uint32_t room;   /* places, a multiple of 64 */
  uint32_t count;  /* in the set */
  uint32_t next;   /* where the search begins: behind the place taken last */
} orc_index_set;

void orc_index_set_done(orc_index_set *s);

/* Make room for places below `room`; none is in it for that. */
void orc_index_set_reserve(orc_index_set *s, uint32_t room);

/* Put in a place below its room that is not in it. */
void orc_index_set_put(orc_index_set *s, uint32_t place);

/* Take out the next place; one must be in it. Time: its room / 4096 at most. */
uint32_t orc_index_set_take(orc_index_set *s);

#endif
