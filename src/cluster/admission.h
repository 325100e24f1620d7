/*
** admission.h - requests arrive: each is admitted or rejected, and the time-out of its client begins.
*/
#ifndef ORC_CLUSTER_ADMISSION_H
#define ORC_CLUSTER_ADMISSION_H

#include "cluster/state.h"

/* Handle the events of arrivals and deadlines from now on. For orc_cluster_new. */
void orc_admission_start(orc_cluster *c);

/* The client of a request in flight is gone at `at` (ns), no earlier than now: as if that had been
** known from its arrival on. */
void orc_admission_cancel(orc_cluster *c, orc_slot slot, orc_time at);

#endif
