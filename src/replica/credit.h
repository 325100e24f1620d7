/*
** credit.h - counters of what clients got on a replica, which say whose turn it is (turns.h). What is charged and what a
** token weighs is the batching policy's; counters only grow.
*/
#ifndef ORC_REPLICA_CREDIT_H
#define ORC_REPLICA_CREDIT_H

#include "replica/server.h"

/*
** Each token that came out for a request that runs here since it was last credited (orc_request.credited) adds `weight`
** >= 0 to the counter of its client; what came out since then is added when it leaves. Then clients that had no request
** here before are raised to the least counter of those that wait, load or run here, in the order in which they came.
*/
void orc_credit_running(orc_replica *r, double weight);

/* As orc_turns_charge. */
double orc_credit_charge(orc_replica *r, uint32_t client, double amount);

/* As orc_turns_next. Newcomers are raised as by orc_credit_running. */
orc_slot orc_credit_turn(orc_replica *r);

#endif
