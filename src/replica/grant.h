/*
** grant.h - what a request may have of a step that is being formed: tokens and KV blocks.
*/
#ifndef ORC_REPLICA_GRANT_H
#define ORC_REPLICA_GRANT_H

#include "replica/server.h"

/*
** Tokens of a request, `computed` of which are there, that the step of `m` may compute under
** `limit` and its budget; 0: none.
*/
int32_t orc_grant_tokens(const orc_replica *r, const orc_microbatch *m, const orc_request *q,
                         int32_t computed, int limit);

/* Blocks a running request lacks for `tokens` more. */
int64_t orc_grant_blocks(const orc_replica *r, const orc_request *q, int32_t tokens);

/*
** Available blocks it takes to admit a request that is to hold `tokens`: those it lacks, and the
** idle ones among what the prefix cache has for it.
*/
int64_t orc_grant_room(const orc_replica *r, const orc_request *q, const orc_prefix_match *found,
                       int64_t tokens);

/* Tokens that it holds blocks for at most. */
int64_t orc_grant_longest(const orc_replica *r, const orc_request *q);

/* The same to run to its longest end. Where layers keep different parts of a sequence these are not
** taken at once, for they are never held all together: it may yet be short of one. */
int64_t orc_grant_reserve(const orc_replica *r, const orc_request *q,
                          const orc_prefix_match *found);

/* Blocks that must stay free when a request is admitted. */
int64_t orc_grant_kept(const orc_replica *r);

/* The same to hold all that is known of it. */
int64_t orc_grant_whole(const orc_replica *r, const orc_request *q, const orc_prefix_match *found);

/* Whether a request that is to be admitted must wait though its next tokens fit: all that is known
** of it does not. */
bool orc_grant_waits(const orc_replica *r, const orc_request *q, const orc_prefix_match *found);

#endif
