/*
** schedule.h - a collective as the messages it is made of, so that a network can carry them out.
** On an idle network that is what the fabric says, this takes as long as orc_collective_time.
** Pure: no clock, no allocation; a schedule is a value that can be copied and thrown away.
*/
#ifndef ORC_COST_SCHEDULE_H
#define ORC_COST_SCHEDULE_H

#include "base/transfer.h"
#include "cost/collective.h"

typedef struct orc_schedule {
  orc_collective collective;
  orc_algorithm algorithm; /* never AUTO */
  double bytes;
  int ranks, per_host; /* p; ranks of one host */
  int pieces;          /* see orc_collective_pieces */
  int rounds;          /* how many; rounds without messages may be among them */
  int round, slot;     /* where orc_schedule_next goes on; 0, 0: from the start */
} orc_schedule;

/*
** The schedule from its first message on; its arguments are those of orc_collective_time.
** One rank: no messages.
**
** In an IN_SWITCH schedule one end of each message is ORC_RANK_SWITCH. There a round is one
** crossing of the cable between rank and switch - half the way from rank to rank, so half of
** alpha - and the stream of bytes, which never stops, is spread evenly over the rounds.
*/
orc_schedule orc_schedule_of(orc_collective c, orc_algorithm a, const orc_fabric *f, double bytes);

/*
** The next message; false at the end. schedule is an orc_schedule (the type is that of
** orc_transfer_next). Within a round the order is that of the senders.
*/
bool orc_schedule_next(void *schedule, orc_transfer *t);

#endif
