/*
** decode_run.h - a run: uneventful decode steps of one replica in one tight loop.
*/
#ifndef ORC_REPLICA_DECODE_RUN_H
#define ORC_REPLICA_DECODE_RUN_H

#include "base/base.h"
#include "replica/server.h"

/*
** Execute steps in which all sequences decode, from r->now on, each exactly as the step loop would:
** same arithmetic, same order. Stops before a step that ends at or after `horizon`, after `limit`
** (ns), or that lacks a block; after one in which a sequence gets its last token; and after `most`.
** `along`, where one is in flight and each is formed while the one before runs: stops after a step
** that begins then, so that it and the one before are in flight.
** Preconditions: the replica has one microbatch, `m`, which is between steps; at least one sequence
** decodes and nothing else is in the batch.
** Returns the steps executed; r->now is the end of the last that is over.
*/
int orc_decode_run(orc_replica *r, orc_microbatch *m, orc_time horizon, orc_time limit, int most,
                   bool along);

/*
** Where r->now would stand (ns) after such a run with neither horizon nor limit; nothing is changed.
** ORC_NEVER: there would be no step. Until then nobody but this replica's own requests has to do
** with it, so it may be simulated as late as that.
*/
orc_time orc_decode_run_foreseen(const orc_replica *r, const orc_microbatch *m, int most);

#endif
