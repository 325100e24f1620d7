/*
** finish.h - a request ends at a replica: its blocks go back, and the host is told.
*/
#ifndef ORC_REPLICA_FINISH_H
#define ORC_REPLICA_FINISH_H

#include "replica/server.h"

/* A request that neither waits nor runs any more ends at `now` (ns); its slot is given back. */
void orc_finish(orc_replica *r, orc_slot slot, orc_status status, orc_time now);

/* A running request stops and ends. Between its steps. */
void orc_finish_running(orc_replica *r, orc_slot slot, orc_status status, orc_time now);

#endif
