/*
** prefix.h - the prefix cache of one replica: full KV blocks under the hash of their tokens and of
** all before them, as in vLLM V1 (docs, "Automatic Prefix Caching", v0.11). A block stays until its
** memory is needed; the least recently held is evicted first, and of one request the last first.
**
** Blocks are chained: a holder of one holds all before it. A request therefore holds a chain, known
** by its end. What is said of blocks here is done with extents of them (prefix_blocks.h), so that time goes
** with the texts that prompts are made of and not with their tokens. A block that two requests compute at once is kept once where equal blocks are
** merged: the later one gives its own back (SGLang's radix tree). Else (vLLM) the later one keeps
** its own as a twin of the one that is known, which is found no sooner than that one has given way;
** a chain then also has a list of the twins that its request holds in place of known blocks.
**
** Blocks without content are counted, not named; where they wait in one queue with the others (vLLM
** 0.11) each lot of them stands there as a run.
*/
#ifndef ORC_REPLICA_PREFIX_H
#define ORC_REPLICA_PREFIX_H

#include "base/base.h"
#include "replica/prefix_blocks.h"
#include "replica/prefix_queue.h"
#include "workload/prompt.h"

/* The part of a prompt that is cached. */
typedef struct orc_prefix_match {
  uint32_t last; /* the extent it ends in; ORC_NO_BLOCK: none */
  uint32_t part; /* blocks of that which it has */
  uint64_t rest; /* stands for it and the next one of that, if it has not all */
  int32_t blocks;
  int32_t filling; /* of them, those at the end that are not computed or not there yet */
  int32_t loading; /* of these, those that come back from a lower tier */
  int32_t idle;    /* of them, idle ones: they cost a request room as new ones do */
  int32_t lower;   /* blocks behind these that lower tiers hold: new ones here, to be fetched */
  int32_t tokens;  /* of the prompt that need not be computed: those of these blocks, at most all
                      but the last */
  bool whole;      /* every full block of the prompt is cached, and at most its last token lies
                      outside them */
} orc_prefix_match;

/* Where in its request a block stands. */
typedef struct orc_prefix_place {
  uint64_t root; /* stands for all before the request's first block */
  int32_t index; /* of the block, from 0 */
  bool filling;  /* it is yet to be computed, or to come back */
  bool loading;  /* the latter */
} orc_prefix_place;

/* How far a prompt was found the last time, in whatever cache: where to look first. Zeroes: at its
 * beginning. */
typedef struct orc_prefix_memo {
  uint64_t hash;   /* of the last extent found; 0: none was */
  int32_t before;  /* blocks */
  uint32_t extent; /* its entry in the cache that was asked */
} orc_prefix_memo;

/* An empty cache that gives blocks up to `kv` when it runs out; *kv and *p must not move. */
void orc_prefix_init(orc_prefix *p, orc_kv *kv);
void orc_prefix_done(orc_prefix *p);

/*
** The longest cached prefix of the first `tokens` >= 1 tokens, in lower tiers behind those here.
** The last token is always computed again, for it yields the next one. Where it is the last of a
** cached block, that block is found all the same: what is computed again takes the place it had,
** and is equal. With `recompute_last_block` that block is not found and all of it is computed
** again, in a block of its own (vLLM V1: get_computed_blocks in v1/core/kv_cache_manager.py,
** v0.11).
**   root   what stands for all before the first block: equal prompts share under equal roots
*/
orc_prefix_match orc_prefix_find(const orc_prefix *p, const orc_prompt *c, uint64_t root,
                                 int32_t tokens);

/*
** The same but for `idle`, `filling` and `loading`, which stay 0 (orc_prefix_examine tells). Begins
** where the memo says if that block is here, for then all before it are, and leaves there how far
** it came.
*/
orc_prefix_match orc_prefix_match_from(const orc_prefix *p, const orc_prompt *c, uint64_t root,
                                       int32_t tokens, orc_prefix_memo *memo);

/* Tell these of what was found. */
void orc_prefix_examine(const orc_prefix *p, orc_prefix_match *found);

/* Blocks of a prompt from its place `at` on, behind `from` tokens, that may share an extent: 1 or more, at most
 * `most`. */
uint32_t orc_prefix_alike(const orc_prefix *p, const orc_prompt_place *at, int32_t from,
                          uint32_t most);

/* What was found, without its last block, which is not in a lower tier. */
void orc_prefix_drop_last(const orc_prefix *p, const orc_prompt *c, uint64_t root,
                          orc_prefix_match *found);

/* An extent ends with what was found from now on, which is returned. What others found stays as it was. */
uint32_t orc_prefix_end_with(orc_prefix *p, const orc_prefix_match *found);

/* The same where all of a prompt is there: with the block behind what was found if that was left to be
 * computed again. */
uint32_t orc_prefix_end(orc_prefix *p, const orc_prompt *c, uint64_t root,
                        const orc_prefix_match *found);

/* Hold what was found: its idle blocks leave the available ones. Returns the end of the chain. */
uint32_t orc_prefix_hold(orc_prefix *p, const orc_prefix_match *found);

/*
** The `lower` blocks of what was found leave their tiers; their place here is the caller's to take
** and to fill (orc_prefix_put). Before any block gives way since they were found. Returns the s it
** takes.
*/
double orc_prefix_fetch(orc_prefix *p, const orc_prompt *c, uint64_t root,
                        const orc_prefix_match *found);

/*
** The next full blocks of a request, which it holds as its own, are computed, or will be by the step
** being formed: they enter the cache at the end of the chain. Those that are there already are given
** back and these held, or they are twins of these.
**   place   root as orc_prefix_find's; index of the first block in the request, from 0
*/
void orc_prefix_put(orc_prefix *p, const orc_prompt *c, orc_prefix_chain *chain, int32_t blocks,
                    orc_prefix_place place);

/* Of a radix tree: the chain up to `last`, which was looked up, counts as used now, and a node ends
** with it; the rest of the node it is taken from counts as used just before. ORC_NO_BLOCK: none. */
void orc_prefix_touch(orc_prefix *p, uint32_t last);

/* What entered at the end of the chain by now is a node of its own, where nodes are evicted whole. */
void orc_prefix_end_node(orc_prefix *p, const orc_prefix_chain *chain);

/* All of a chain is computed now but its `later` last blocks. */
void orc_prefix_filled(orc_prefix *p, uint32_t last, int32_t later);

/*
** Of the `blocks` last of a chain those yet to be computed, which its request alone holds, are not
** computed after all: they leave the cache and are its own again. Returns how many left. Where equal
** blocks are not merged none does: what is known by its content stays so, as in vLLM.
*/
int32_t orc_prefix_withdraw(orc_prefix *p, orc_prefix_chain *chain, int32_t blocks);

/* Whether more than one request holds any of the `blocks` last of its chain. */
bool orc_prefix_common(const orc_prefix *p, uint32_t last, int32_t blocks);

/*
** Hold the chain no more, which may be none; then it is none. Its blocks are worth `grade`
** (0 .. ORC_PREFIX_GRADES - 1), or what others said they are if that is more.
*/
void orc_prefix_release(orc_prefix *p, orc_prefix_chain *chain, int grade);

#endif
