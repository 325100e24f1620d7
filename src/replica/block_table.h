/*
** block_table.h - the KV blocks a request holds: first those it shares through the prefix cache,
** then those of its own. A prompt without content, or a replica without a prefix cache, shares
** none.
*/
#ifndef ORC_REPLICA_BLOCK_TABLE_H
#define ORC_REPLICA_BLOCK_TABLE_H

#include "replica/prefix.h"
#include "replica/request.h"
#include "replica/server.h"

/* What the cache has for a waiting request; nothing when it kept what was computed for it. */
orc_prefix_match orc_block_table_find(const orc_replica *r, const orc_request *q);

/* The extent that ends with what the cache on the GPU has for a waiting request; ORC_NO_BLOCK: it has nothing. */
uint32_t orc_block_table_last(orc_replica *r, const orc_request *q);

/*
** A request is admitted: it holds what was found, and that counts as computed. What lower tiers
** have of it is fetched, before the step being formed: the caller takes blocks for it, which enter
** the cache with the others of the step (orc_block_table_share). The first time, what the cache did
** for the request is noted; how often it was asked before makes no difference. Returns the s that
** the fetching takes.
*/
double orc_block_table_begin(orc_replica *r, orc_request *q, const orc_prefix_match *found);

/*
** A request that is not admitted but loads (kv_onload.h): all that was found counts as computed,
** and the blocks it lacks are taken; they are in the cache, to be waited for. Returns the s the
** loading takes. Once they are there, orc_block_table_filled says so.
*/
double orc_block_table_load(orc_replica *r, orc_request *q, const orc_prefix_match *found);

/* It is given up: all blocks are given back, and only what was on the GPU before stays cached. */
void orc_block_table_drop(orc_replica *r, orc_request *q);

/* It holds blocks for `tokens`, which are available; the step being formed computes `chunk` of them.
 */
void orc_block_table_grow(orc_replica *r, orc_request *q, int64_t tokens, int32_t chunk);

/*
** The step being formed computes a request up to `tokens`: its full blocks enter the cache, where
** requests admitted after it in this very step find them, as in vLLM V1 (allocate_slots caches
** what it allocates; vllm/v1/core/kv_cache_manager.py, v0.11).
*/
void orc_block_table_share(orc_replica *r, orc_request *q, int32_t tokens);

/* A waiting request is looked up in a radix tree: what is there of it counts as used now. */
void orc_block_table_touch(orc_replica *r, const orc_request *q);

/* A step that computed of it is over: what it filled is computed, and enters the cache now where that
** holds what is computed alone. */
void orc_block_table_filled(orc_replica *r, orc_request *q);

/* The step being formed does not compute it after all: what entered for that leaves the cache. */
void orc_block_table_withdraw(orc_replica *r, orc_request *q);

/* Whether the last block it shares is yet to be computed. */
bool orc_block_table_filling(const orc_replica *r, const orc_request *q);

/* Whether other requests count on what the step being formed computes of it: then it must be
** computed. */
bool orc_block_table_counted_on(const orc_replica *r, const orc_request *q);

/* Where every full block is known by its content, that of a prompt unlike any other has an identity
** from now on: its request finds its own blocks again. */
void orc_block_table_know(const orc_replica *r, orc_request *q);

/*
** All blocks are given back; those in the cache keep their content until their memory is needed.
** Full ones of its answer enter the cache now: an answer is a text of its own, so no other prompt
** could have had them before.
*/
void orc_block_table_end(orc_replica *r, orc_request *q);

/* The memory is gone: nothing is cached any more. No request may hold a block. */
void orc_block_table_clear(orc_replica *r);

/* Prompt tokens of a request that this replica, lower tiers too, has in its cache, computed. */
int32_t orc_block_table_match(const orc_replica *r, const orc_request *q);

#endif
