/*
** contended.h - the high level of detail on links that others use too: the devices of a stage compute
** layer by layer on the engine's clock, and every message of their collectives, and of a stage to
** the next, is a transfer that shares its links with whatever else is under way.
*/
#ifndef ORC_DEVICE_CONTENDED_H
#define ORC_DEVICE_CONTENDED_H

#include "net/rounds.h"
#include "replica/replica.h"

/* One stage of one replica. */
typedef struct orc_contended_stage {
  orc_replica *replica;
  int index;      /* of the stage */
  int microbatch; /* whose step it works on; -1: none */
  int *waiting;   /* microbatches whose step comes next, in order */
  int waiting_count, waiting_room;
  int *sends; /* [microbatches] messages of a step still on their way to the next stage */
  orc_layered_work work; /* of the present step */
  int part;              /* attention and MLP of the layers in turn, then the last part */
  double rest;           /* ns between the clock and the exact time, in -0.5 .. 0.5 */
  orc_time begun;        /* the present step */
  orc_rounds rounds;     /* of the present collective */
  orc_itinerary all_reduce;
  double planned; /* B that is for; -1: none yet */
} orc_contended_stage;

typedef struct orc_contended {
  orc_net *net;
  orc_contended_stage *stages; /* of all replicas that are part of it */
  int count;
} orc_contended;

/*
** Bring in a replica whose stages have devices; before the first step of any.
*/
void orc_contended_add(orc_contended *c, orc_replica *r);
void orc_contended_done(orc_contended *c);

/*
** A step of the replica's microbatch `microbatch` enters its first stage now; orc_replica_landed is called when
** it has left the last.
*/
void orc_contended_start(orc_contended *c, orc_replica *r, int microbatch);

/* Handler of ORC_EVENT_COMPUTED: the devices of stage `subject` have computed. */
void orc_contended_computed(orc_contended *c, uint32_t subject);

#endif
