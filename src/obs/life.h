/*
** life.h - the lives of requests, change by change, for those who look at a paused run. A ring of
** fixed size: when it is full the oldest changes are forgotten. It observes and never decides.
*/
#ifndef ORC_OBS_LIFE_H
#define ORC_OBS_LIFE_H

#include "base/base.h"
#include "base/status.h"

typedef enum orc_change {
  ORC_CHANGE_ARRIVED,   /* at the router; amount: prompt tokens, of: most output tokens */
  ORC_CHANGE_ADMITTED,  /* into a step; amount: tokens in memory already, of: tokens to compute */
  ORC_CHANGE_COMPUTED,  /* a chunk of the prompt; amount: tokens of it, of: in memory after it */
  ORC_CHANGE_TOKEN,     /* the first output token */
  ORC_CHANGE_PREEMPTED, /* back to the queue; amount: tokens that stay in memory, of: computed */
  ORC_CHANGE_LOST,      /* its replica failed; of: tokens that were computed */
  ORC_CHANGE_ENDED,     /* amount: output tokens, of: preemptions; detail: orc_status */
  ORC_CHANGES           /* how many there are */
} orc_change;

const char *orc_change_name(orc_change what); /* "arrived", "admitted", ... */

typedef struct orc_life_entry {
  orc_time time;
  uint64_t number;    /* of the request: 0, 1, 2 ... in order of arrival */
  int32_t amount, of; /* as orc_change says */
  uint16_t replica;   /* ORC_NO_REPLICA: none has it */
  uint8_t what;       /* orc_change */
  uint8_t detail;
} orc_life_entry;

typedef struct orc_life {
  orc_life_entry *ring; /* [room], by count & (room - 1) */
  uint64_t room;        /* a power of two */
  uint64_t count;       /* changes noted so far */
} orc_life;

/* Room for the last `room` changes (a power of two). Memory becomes real as it is filled. */
orc_life *orc_life_new(uint64_t room);
void orc_life_free(orc_life *l); /* NULL is allowed */

/* Note a change; l NULL: it is not watched. Allocates nothing. */
static inline void orc_life_note(orc_life *l, const orc_life_entry *entry)
{
  if (l != NULL) l->ring[l->count++ & (l->room - 1)] = *entry;
}

/* Whether changes have been forgotten. */
bool orc_life_overflowed(const orc_life *l);

/*
** The next change of request `number` at or after the position *at (0 at first), which moves behind
** it; NULL when there is none left.
*/
const orc_life_entry *orc_life_next(const orc_life *l, uint64_t number, uint64_t *at);

#endif
