/*
** agenda.h - what is due when, of things that have small numbers and may change their mind: a
** binary heap that knows where each of them stands.
*/
#ifndef ORC_NET_AGENDA_H
#define ORC_NET_AGENDA_H

#include "base/base.h"

/* When something is due. Sorted by time, rest, order. */
typedef struct orc_due {
  orc_time time;
  double rest;    /* ns after that */
  uint64_t order; /* of what is due together */
  uint32_t slot;  /* its number */
} orc_due;

/* All zeroes is an empty agenda. */
typedef struct orc_agenda {
  orc_due *heap;   /* [count] the soonest first */
  uint32_t *place; /* [room] by slot: in the heap, from 1; 0: not there */
  uint32_t count, room;
} orc_agenda;

/* Make room for slots below `room`; it never shrinks. */
void orc_agenda_reserve(orc_agenda *a, uint32_t room);
void orc_agenda_done(orc_agenda *a);

/* Note when a slot is due, or that this has changed. */
void orc_agenda_put(orc_agenda *a, const orc_due *due);

/*
** Begin to note many: orc_agenda_add notes one of them without bringing the heap into order, which
** orc_agenda_order does at the end. Worth its while from about an eighth of the heap on.
*/
void orc_agenda_add(orc_agenda *a, const orc_due *due);
void orc_agenda_order(orc_agenda *a);

static inline bool orc_agenda_has(const orc_agenda *a, uint32_t slot)
{
  return slot < a->room && a->place[slot] > 0;
}

/* Strike out a slot that is there. */
void orc_agenda_remove(orc_agenda *a, uint32_t slot);

/* What is due first; NULL: nothing is. Valid until the next change. */
static inline const orc_due *orc_agenda_first(const orc_agenda *a)
{
  return a->count > 0 ? a->heap : NULL;
}

#endif
