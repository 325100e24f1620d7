/*
** transfer table.h - the entries of requests on their way between pools, and the lists in which those
*stand
** that wait for room at a replica: first come, first served.
*/
#ifndef ORC_CLUSTER_KV_TRANSFER_TABLE_H
#define ORC_CLUSTER_KV_TRANSFER_TABLE_H

#include "cluster/cluster.h"

#define ORC_NO_KV_TRANSFER UINT32_MAX /* no entry: the end of a list */

/* A free entry, and back. Taking one may move the others. */
uint32_t orc_kv_transfer_table_take(orc_kv_transfers *h);
void orc_kv_transfer_table_recycle(orc_kv_transfers *h, uint32_t index);

/* The entry waits from now on at its `to`, where it counts as inbound; c->replica_count: at none.
 */
void orc_kv_transfer_table_wait(orc_cluster *c, uint32_t index);

/* The one that waits first at a replica, which has one, waits no more; it is still inbound there.
 */
uint32_t orc_kv_transfer_table_next(orc_cluster *c, uint16_t to);

/* An entry that waits does so no more. */
void orc_kv_transfer_table_leave(orc_cluster *c, uint32_t index);

/* All that wait at `to` do so no more: they stand in front of `list`. Returns the whole list. */
uint32_t orc_kv_transfer_table_leave_all(orc_cluster *c, int to, uint32_t list);

#endif
