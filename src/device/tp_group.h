/*
** tp_group.h - a tensor-parallel group in its place in a network: which algorithms its all-reduces
** may use there, what their messages find on their ways, and which links these take.
*/
#ifndef ORC_DEVICE_TP_GROUP_H
#define ORC_DEVICE_TP_GROUP_H

#include "base/base.h"
#include "cost/all_reduce.h"
#include "cost/hardware.h"
#include "net/topology.h"

typedef struct orc_tp_group {
  orc_topology *topology; /* whose devices all reach each other */
  const int *devices;     /* [ranks] their nodes */
  int ranks;
  int hub; /* the switch that adds up and all are joined to; -1: none (orc_tp_group_of) */
} orc_tp_group;

/* The site of these devices, which must stay in place. */
orc_tp_group orc_tp_group_of(orc_topology *t, const int *devices, int ranks);

/*
** The ways a group may take there. Each has the latency and bandwidth of the slowest of its
** messages' routes; links that several messages of one round share are reckoned with where the
** formula can (fabric.port), else the way is marked `contended`.
**   a   passed orc_all_reduce_check; AUTO: all that are offered there and not contended, else a ring
** Returns false with *e saying what the algorithm needs and these devices do not have: in_switch
** one nvswitch that all are joined to, hierarchical as many devices, two at least, on each of
** several hosts, next to each other in the group.
*/
bool orc_tp_group_all_reduce(const orc_tp_group *s, orc_algorithm a, orc_all_reduce *out,
                             orc_error *e);

/*
** The same by measured kernels, if the ranks are joined as those of the measured node: all on one
** host, each reached by each at the full rate of the GPU's own link.
**   link   of the GPUs
** Returns whether they are; else *out is left alone.
*/
bool orc_tp_group_measured(const orc_tp_group *s, const orc_regimes *measured, const orc_link *link,
                           orc_all_reduce *out);

/*
** Note how many messages of one round the ways put on each link at most - once for all messages
** whose sharing a formula reckons with.
**   use   [links of the topology] overwritten
*/
void orc_tp_group_use(const orc_tp_group *s, const orc_all_reduce *r, uint32_t *use);

#endif
