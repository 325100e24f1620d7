/*
** livelock.h - whether a batching policy gets anywhere.
*/
#ifndef ORC_REPLICA_LIVELOCK_H
#define ORC_REPLICA_LIVELOCK_H

#include "replica/server.h"

/*
** After a step was formed: false with *e, which names the policy, when it computes tokens and
** forgets them again or asks to be called again and forms nothing, without end.
*/
bool orc_livelock_check(const orc_replica *r, orc_error *e);

#endif
