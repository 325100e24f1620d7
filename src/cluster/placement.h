/*
** placement.h - which device of the network each rank is, what lies between them, and which links
** more than one of them uses.
*/
#ifndef ORC_CLUSTER_PLACEMENT_H
#define ORC_CLUSTER_PLACEMENT_H

#include "base/base.h"
#include "device/pipeline.h"
#include "net/topology.h"

typedef struct orc_placement {
  orc_topology *topology; /* NULL: each pair of devices has the hardware's peer link to itself */
  uint32_t *crossings;    /* [links] messages of different senders that may be on a link at once */
  uint32_t *use;          /* [links] of the group at hand (orc_tp_group_use) */
} orc_placement;

/* On a checked topology (all devices reach each other), which must outlive it; NULL: none. */
void orc_placement_init(orc_placement *p, orc_topology *topology);
void orc_placement_done(orc_placement *p);

/*
** Put a replica's stages on devices: all-reduces and sends between stages get the latency and
** bandwidth of their routes (the slowest of those a group's messages take), and the use of links is
** noted. Does nothing without a topology.
**   devices   nodes, stage by stage, rank by rank; must stay in place; they can add up the
**             way the layout says (oracle.core's net.collectives has let them pass)
*/
void orc_placement_put(orc_placement *p, orc_pipeline *pipeline, const int *devices);

/* Note that messages may go from node `from` to node `to`. */
void orc_placement_join(orc_placement *p, int from, int to);

/* Whether any link that the replica uses is used by another message too. After all were put. */
bool orc_placement_shared(const orc_placement *p, const orc_pipeline *pipeline);

#endif
