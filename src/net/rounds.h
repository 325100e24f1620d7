/*
** rounds.h - a plan of messages carried out on a network: a round begins when the last message of
** the round before has come in. This is how a collective becomes real transfers. Rests of a ns are
** carried from round to round and to `done` (see orc_net_rest).
*/
#ifndef ORC_NET_ROUNDS_H
#define ORC_NET_ROUNDS_H

#include "base/transfer.h"
#include "net/flow.h"

/* The messages of a plan with their routes, looked up once: for plans carried out many times. */
typedef struct orc_itinerary {
  int rounds; /* that have messages */
  int *first; /* [rounds + 1] where each begins */
  struct orc_leg *legs;
  int round_room, leg_room;
} orc_itinerary;

/*
** Fill it (all zeroes at first, or filled before) with what `next` gives of `plan`; nodes, hub: as
** in orc_rounds. The routes must exist.
*/
void orc_itinerary_fill(orc_itinerary *it, orc_topology *t, const int *nodes, int hub,
                        orc_transfer_next *next, void *plan);
void orc_itinerary_done(orc_itinerary *it);

/*
** One plan under way. Fill the first group, then call orc_rounds_start; the struct and what it
** points at must stay in place until `done` is called. It allocates nothing and can be used
** again then.
*/
typedef struct orc_rounds {
  orc_net *net;
  const int *nodes;        /* the node of each rank */
  int hub;                 /* the node that ORC_RANK_SWITCH stands for; -1: none */
  orc_transfer_next *next; /* gives the plan's messages */
  void *plan;
  const orc_itinerary *itinerary; /* not NULL: in place of nodes, hub, next and plan */
  orc_net_done *done;             /* called with ctx and arg when the last round has come in */
  void *ctx;
  uint64_t arg;

  orc_transfer ahead; /* the first message of the next round */
  bool more;          /* there is one */
  int round;          /* of the itinerary: the next one */
  int pending;        /* messages of this round still under way */
  orc_time last;      /* when the last of them came in, and its rest */
  double last_rest;
} orc_rounds;

/*
** Begin. An empty plan calls `done` at once, before this returns.
** The routes it needs must exist (orc_rounds_check).
*/
void orc_rounds_start(orc_rounds *r);

/*
** Whether every rank can send to every other, and to and from the hub where there is one.
**   nodes, ranks, hub   as above
** Returns false with *e naming both ends of the first missing route.
*/
bool orc_rounds_check(orc_topology *t, const int *nodes, int ranks, int hub, orc_error *e);

#endif
