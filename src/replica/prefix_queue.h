/*
** prefix_queue.h - the blocks of a prefix cache (prefix.h) that no request holds: by when they were given
** back, in a queue for each grade, and evicted in that order.
*/
#ifndef ORC_REPLICA_PREFIX_QUEUE_H
#define ORC_REPLICA_PREFIX_QUEUE_H

#include "replica/prefix_blocks.h"

/* Free blocks are taken in the order in which they were given back, with or without content (vLLM
** 0.11); else those without are taken first. */
void orc_prefix_in_one_queue(orc_prefix *p);

/* Blocks whose content no request asks for again are given back; they wait their turn like known ones.
 */
void orc_prefix_give_unknown(orc_prefix *p, int64_t blocks);

/* The memory is gone, lower tiers too: nothing is cached any more. No block may be held. */
void orc_prefix_clear(orc_prefix *p);

/* An extent has no holder any more, or has one again. */
void orc_prefix_rest(orc_prefix *p, uint32_t extent);
void orc_prefix_wake(orc_prefix *p, uint32_t extent);

/* An idle one goes to the end of the queue. */
void orc_prefix_renew(orc_prefix *p, uint32_t extent);

/* An extent that is not in the cache any more has left its parent, which may now end a prefix. */
void orc_prefix_leave_parent(orc_prefix *p, uint32_t extent);

/* The last `blocks` of an extent leave it: they are not yet to be computed any more. */
void orc_prefix_drop_filling(orc_prefix *p, orc_prefix_extent *e, uint32_t blocks);

/* What `kv` asks of a cache that runs out (kv.h): so many blocks, idle ones or without content, become the
** next to be taken. */
void orc_prefix_make_room(void *self, int64_t blocks);

/* All idle blocks are evicted. */
void orc_prefix_empty(orc_prefix *p);

/* Idle blocks are evicted beyond the number it may keep, of blocks or of prefixes. */
void orc_prefix_trim(orc_prefix *p);

#endif
