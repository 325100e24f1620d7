/*
** messages.h - the messages of one collective of a stage's devices, laid out by round, with the
** time each takes on links that no other traffic uses.
*/
#ifndef ORC_DEVICE_MESSAGES_H
#define ORC_DEVICE_MESSAGES_H

#include "base/base.h"
#include "cost/schedule.h"
#include "cost/step.h"

enum { ORC_ELSEWHERE = UINT32_MAX }; /* an end that is no device of the stage */

typedef struct orc_message {
  uint32_t from, to; /* ranks of the stage, or ORC_ELSEWHERE; never alike */
  double takes;      /* s */
} orc_message;

typedef struct orc_messages {
  double bytes; /* B of the collective they are for; < 0: there are none yet */
  bool ring;    /* each device sends one in every round, in order of ranks */
  int rounds;
  int most;         /* of one round */
  int *first;       /* [rounds + 1] where each round begins */
  orc_message *all; /* by round */
  int count, begun; /* messages and rounds put in so far, while it is filled */
  int round_room, room;
} orc_messages;

void orc_messages_init(orc_messages *m);
void orc_messages_done(orc_messages *m);

/*
** Those of an all-reduce of `bytes` (> 0): by the way that is the quickest for so many. Messages of
** one round that leave or reach a rank together share its port (orc_fabric.port) evenly. What was
** measured is one round, in which each rank has a message for the next that takes as long as all.
** Nothing is done where they are there already.
*/
void orc_messages_reduce(orc_messages *m, const orc_all_reduce *r, double bytes);

/*
** Those that this stage's ranks send in one exchange with the ranks that share its experts: what
** the other replicas' ranks send is the same at the same time.
**   devices   ranks of the stage
*/
void orc_messages_exchange(orc_messages *m, const orc_exchange *x, int devices);

#endif
