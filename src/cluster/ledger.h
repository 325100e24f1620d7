/*
** ledger.h - a request ends: its record, the metrics, and what its client does next.
*/
#ifndef ORC_CLUSTER_LEDGER_H
#define ORC_CLUSTER_LEDGER_H

#include "cluster/state.h"

/* What is known of a request that ends at `now` (ns) with `status`; PENDING: it has not ended. */
orc_record orc_ledger_record(const orc_cluster *c, const orc_request *q, orc_status status,
                             orc_time now);

/* A request leaves the replica it is on: its batching policy hears of it. PENDING: it has not ended. */
void orc_ledger_leave(orc_cluster *c, orc_request *q, orc_status status);

/* A DONE request has ended at `now`; its slot is given back. */
void orc_ledger_end(orc_cluster *c, orc_slot slot, orc_status status, orc_time now);

#endif
