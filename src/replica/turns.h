/*
** turns.h - whose turn it is where clients have counters of what they got: the oldest waiting request of each client,
** and of these clients the one with the least counter, without going through the queue. credit.h counts.
*/
#ifndef ORC_REPLICA_TURNS_H
#define ORC_REPLICA_TURNS_H

#include "replica/queue.h"

typedef struct orc_turns orc_turns;

/* Of one replica's requests. Release with free; NULL: nothing. */
orc_turns *orc_turns_new(orc_requests *requests);
void orc_turns_free(orc_turns *t);

/* Its policy is told of a request; it comes to the queue, or leaves it; the policy is told that it has left the replica,
** before which it was in the queue. What it generated and was not credited is added as it goes. */
void orc_turns_came(orc_turns *t, orc_slot slot);
void orc_turns_join(orc_turns *t, orc_slot slot);
void orc_turns_leave(orc_turns *t, orc_slot slot);
void orc_turns_went(orc_turns *t, orc_request *q);

/* What a token weighs, >= 0, from now on. */
void orc_turns_weigh(orc_turns *t, double weight);

/* A request has generated so many tokens: those that were not yet are added to the counter of its client. */
void orc_turns_credit(orc_turns *t, orc_slot slot, int32_t generated);

enum { ORC_TURNS_CLIENTS = 1 << 20 };

/* Add `amount` >= 0 to the counter of a client. Returns what it is now; -1, and adds nothing: no request of it ever came,
** and there are ORC_TURNS_CLIENTS others. */
double orc_turns_charge(orc_turns *t, uint32_t client, double amount);

/* Whether clients have come, without a request here before, that were not raised yet: they have no turn. */
bool orc_turns_unraised(const orc_turns *t);

/* The counter of a request's client if that is less than `least` and the client is none of these, else `least`. */
double orc_turns_lesser(const orc_turns *t, orc_slot slot, double least);

/* They are raised to `least`; INFINITY: to the counter of the first of them. */
void orc_turns_raise(orc_turns *t, double least);

/*
** The oldest waiting request of the client with the least counter; of equal ones the older one. ORC_NO_SLOT: none
** waits. O(log of the clients that wait) for each counter that has grown since.
*/
orc_slot orc_turns_next(orc_turns *t);

#endif
