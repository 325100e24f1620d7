/*
** waiting.h - requests come to a replica and wait there for a step that admits them.
*/
#ifndef ORC_REPLICA_WAITING_H
#define ORC_REPLICA_WAITING_H

#include "replica/server.h"

/* A request comes to this replica now: it waits, or is REJECTED if it can never fit. False: the
** batching policy could not say its place. */
bool orc_waiting_enqueue(orc_replica *r, orc_slot slot, orc_error *e);

/* The batching policy is told of a request that comes, and says where it stands in the queue. False: it failed. */
bool orc_waiting_place(const orc_replica *r, orc_request *q, orc_error *e);

/* A request whose KV has come in, in blocks taken for it, waits to be admitted from now on. */
void orc_waiting_take_over(orc_replica *r, orc_slot slot);

/* A request comes to the queue, at the place of its key; it leaves it. */
void orc_waiting_join(orc_replica *r, orc_slot slot);
void orc_waiting_leave(orc_replica *r, orc_slot slot);

/* A waiting request that holds blocks is on the list of the paused, from when it comes to the queue until
** it leaves it or gives them up: so that who holds blocks is known without going through the queue. */
void orc_waiting_hold(orc_replica *r, orc_slot slot);
void orc_waiting_release(orc_replica *r, orc_slot slot);

/* The request is in the queue, and not laid aside while others are looked at. */
bool orc_waiting_queued(const orc_replica *r, orc_slot slot);

/* A request that is not in the queue gets the key of the first place, where the order is that of
** arrival and not a policy's own. */
void orc_waiting_to_front(orc_replica *r, orc_request *q);

/* A request that has all its tokens at `time` (ns) ends then, wherever it is. */
void orc_waiting_for_end(orc_replica *r, orc_slot slot, orc_time time);

#endif
