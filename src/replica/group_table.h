/*
** group_table.h - the KV blocks of the requests of a replica whose layers keep different parts of a
** sequence (kv_groups.h): what block_table.h does where all keep all of it. Only for such replicas.
*/
#ifndef ORC_REPLICA_GROUP_TABLE_H
#define ORC_REPLICA_GROUP_TABLE_H

#include "replica/server.h"

/* What all groups know of a waiting request. It is kept for the functions below until the next
** search. */
orc_prefix_match orc_group_table_find(const orc_replica *r, const orc_request *q);

/* Nothing is found: a running request goes on. */
void orc_group_table_find_none(const orc_replica *r);

/* Tokens of a request that are computed, those of steps in flight included. */
int32_t orc_group_table_computed(const orc_replica *r, const orc_request *q);

/* Available blocks it takes to have `tokens` of a request there, beginning with what was found. */
int64_t orc_group_table_lack(const orc_replica *r, const orc_request *q, int64_t tokens);

/* The same where no group keeps more of them than it ever does: of a whole sequence. */
int64_t orc_group_table_lack_whole(const orc_replica *r, const orc_request *q, int64_t tokens);

/* Where a chunk of `tokens` that begins after `computed` ends early so that states are kept at the
** ends of blocks; returns its tokens, 0: it waits (0.33 v1/core/sched/scheduler.py:546-662). */
int32_t orc_group_table_align(const orc_replica *r, const orc_request *q, int32_t computed,
                              int32_t tokens);

/* A request is admitted: it holds what was found, `tokens` that count as computed. */
void orc_group_table_begin(orc_replica *r, orc_request *q, int32_t tokens);

/* It holds blocks for `tokens`, the newest `chunk` of which are new; all that is known of them can
** be found. */
void orc_group_table_grow(orc_replica *r, orc_request *q, int64_t tokens, int32_t chunk);

/* A running request is to go on: nothing is found any more, and blocks of which it will read nothing
** go back. */
void orc_group_table_go_on(orc_replica *r, orc_request *q);

/* All blocks go back; those of its first `settled` tokens can be found. */
void orc_group_table_end(orc_replica *r, orc_request *q, int32_t settled);

/* Whether a sequence that decodes in `m` takes no block and gives none back with its next token. */
static inline bool orc_group_table_rests(const orc_replica *r, const orc_microbatch *m,
                                         const orc_request *q)
{
  return orc_decode_set_computed(&m->decode, q) + 1 < r->groups->tables[q->table].wakes;
}

/* Steps of `m` in which sequences only decode and no block is taken or given back; at most `most`. */
int orc_group_table_quiet(const orc_replica *r, const orc_microbatch *m, int most);

#endif
