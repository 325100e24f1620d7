/*
** crowd.h - the high level of detail on links that others use too: the devices of a stage compute
** layer by layer on the engine's clock, and every message of their collectives, and of a stage to
** the next, is a transfer that shares its links with whatever else is under way.
*/
#ifndef ORC_SERVE_CROWD_H
#define ORC_SERVE_CROWD_H

#include "net/rounds.h"
#include "serve/replica.h"

/* One stage of one replica. */
typedef struct orc_crowd_stage {
  orc_replica *replica;
  int index;    /* of the stage */
  int lane;     /* whose step it works on; -1: none */
  int *waiting; /* lanes whose step comes next, in order */
  int waiting_count, waiting_room;
  int *sends;           /* [lanes] messages of a step still on their way to the next stage */
  orc_detail_work work; /* of the present step */
  int part;             /* attention and MLP of the layers in turn, then the last part */
  double rest;          /* ns between the clock and the exact time, in -0.5 .. 0.5 */
  orc_time begun;       /* the present step */
  orc_rounds rounds;    /* of the present collective */
  orc_itinerary all_reduce;
  double planned; /* B that is for; -1: none yet */
} orc_crowd_stage;

typedef struct orc_crowd {
  orc_net *net;
  orc_crowd_stage *stages; /* of all replicas that are part of it */
  int count;
} orc_crowd;

/*
** Bring in a replica whose stages have devices; before the first step of any.
*/
void orc_crowd_add(orc_crowd *c, orc_replica *r);
void orc_crowd_done(orc_crowd *c);

/*
** A step of the replica's lane `lane` enters its first stage now; orc_replica_landed is called when
** it has left the last.
*/
void orc_crowd_start(orc_crowd *c, orc_replica *r, int lane);

/* Handler of ORC_EVENT_COMPUTED: the devices of stage `subject` have computed. */
void orc_crowd_computed(orc_crowd *c, uint32_t subject);

#endif
