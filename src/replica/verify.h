/*
** verify.h - decode steps whose sequences verify draft tokens (speculation.h): each takes part with
** one token and its drafts, and gets one token and the drafts that held. That differs by sequence, so
** their sets are no sums: they are gone through one by one, and no step of theirs is part of a run.
** Only for replicas that speculate.
*/
#ifndef ORC_REPLICA_VERIFY_H
#define ORC_REPLICA_VERIFY_H

#include "replica/server.h"

/* Drafts that a decoding sequence verifies in a step that has `left` >= 1 tokens for it. */
int32_t orc_verify_drafts(const orc_replica *r, const orc_request *q, int64_t left);

/* Blocks that it lacks to verify so many. */
int64_t orc_verify_lack(const orc_replica *r, const orc_request *q, int32_t drafts);

/* It takes them, `lack` of them, and part in the step being formed. */
void orc_verify_take(orc_replica *r, orc_request *q, int32_t drafts, int64_t lack);

/* Whether all sequences of a set find the blocks and, in `limit` tokens, the room for all drafts. */
bool orc_verify_fits(const orc_replica *r, const orc_microbatch *m, int64_t limit);

/* Blocks all of a set lack. */
int64_t orc_verify_need(const orc_replica *r, const orc_microbatch *m);

/* All sequences of a set take part, in order of admission the first with their drafts; where blocks run
** short requests are preempted. Returns the tokens, 0: not one each is left of the budget. */
int32_t orc_verify_all(orc_replica *r, orc_microbatch *m);

/* The step is over at `now`. */
void orc_verify_advance(orc_replica *r, orc_microbatch *m, orc_time now);

/* What the sequences of the formed step are to its cost. */
void orc_verify_shape(const orc_replica *r, const orc_microbatch *m, orc_step_shape *shape);

/* A request that has all its tokens is scheduled once more where steps are formed ahead and it was not
** known, with `before` tokens, that it would. */
void orc_verify_foresee(const orc_replica *r, orc_request *q, int32_t before);

/* A step is over where steps are formed ahead: sequences whose last token it gave end, also those that the
** next step, formed before that was known, passed over. */
void orc_verify_end(orc_replica *r, orc_microbatch *m);

#endif
