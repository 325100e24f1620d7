/*
** crash.h - a replica loses all it had: its KV cache, the steps under way, and every request.
*/
#ifndef ORC_REPLICA_CRASH_H
#define ORC_REPLICA_CRASH_H

#include "base/base.h"
#include "replica/server.h"

/*
** The replica stops now: no step of it ends any more, what was computed is lost, and its requests
** are QUEUED nowhere; those whose client had left already end. Tokens that came out stay.
**   out    [orc_replica_in_flight(r)] the slots of the requests left, in order of arrival
** Returns how many they are.
*/
uint32_t orc_crash_requests(orc_replica *r, orc_slot *out);

/* What was computed for a request is lost with this replica, where it was: it is QUEUED nowhere. */
void orc_crash_forget(orc_replica *r, orc_slot slot);

#endif
