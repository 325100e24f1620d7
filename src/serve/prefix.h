/*
** prefix.h - the prefix cache of one replica: full KV blocks under the hash of their tokens and of
** all before them, as in vLLM V1 (docs, "Automatic Prefix Caching", v0.11). A block stays until its
** memory is needed; the one not held for longest goes first, and of one request the last goes
*first.
**
** Blocks are chained: who holds one holds all before it. A request therefore holds a chain, known
*by
** its last block. A block that two requests compute at once is kept once: the later one gives its
** own back (SGLang's radix tree does so; vLLM keeps both until they are freed).
*/
#ifndef ORC_SERVE_PREFIX_H
#define ORC_SERVE_PREFIX_H

#include "base/base.h"
#include "serve/content.h"
#include "serve/kv.h"
#include "serve/tiers.h"

#define ORC_NO_BLOCK UINT32_MAX

enum { ORC_PREFIX_GRADES = 4 }; /* what blocks are worth: lower grades give way first */

typedef struct orc_prefix_block {
  uint64_t hash;
  uint32_t parent;       /* ORC_NO_BLOCK: the first of its chain */
  uint32_t holders;      /* requests; 0: idle */
  uint32_t older, newer; /* idle ones by when they were given back; free ones by `newer` */
  uint8_t grade;         /* the highest anyone gave it back with */
} orc_prefix_block;

typedef struct orc_prefix {
  orc_kv *kv;
  orc_prefix_block *at;
  uint32_t count, room, free; /* free: first unused, ORC_NO_BLOCK: none */
  uint32_t *table;            /* block by hash: open addressing; ORC_NO_BLOCK: empty */
  uint32_t table_room;        /* power of two, at least twice the blocks in it */
  uint32_t cached;            /* blocks in the table */
  uint32_t oldest[ORC_PREFIX_GRADES], newest[ORC_PREFIX_GRADES]; /* idle ones */
  orc_tiers *tiers; /* where blocks go that give way; NULL: nowhere. Not owned. */
} orc_prefix;

/* The part of a prompt that is cached. */
typedef struct orc_prefix_match {
  uint32_t last; /* its last block; ORC_NO_BLOCK: none */
  int32_t blocks;
  int32_t idle;  /* of them, those nobody holds: they cost a newcomer room as new ones do */
  int32_t lower; /* blocks behind these that lower tiers hold: new ones here, to be fetched */
  bool whole;    /* all tokens but perhaps the last are cached */
} orc_prefix_match;

/* An empty cache that gives blocks up to `kv` when it runs out; *kv and *p must not move. */
void orc_prefix_init(orc_prefix *p, orc_kv *kv);
void orc_prefix_done(orc_prefix *p);

/* The memory is gone, lower tiers too: nothing is cached any more. Nobody may hold a block. */
void orc_prefix_clear(orc_prefix *p);

/*
** The longest cached prefix of the first `tokens` >= 1 tokens. The last of them is always computed
** again, for it yields the next one: at most (tokens - 1) / block_size blocks are found, in lower
** tiers behind those here.
*/
orc_prefix_match orc_prefix_find(const orc_prefix *p, const orc_content *c, int32_t tokens);

/* Hold what was found: its idle blocks leave the available ones. */
void orc_prefix_hold(orc_prefix *p, const orc_prefix_match *found);

/*
** The `lower` blocks of what was found leave their tiers; their place here is the caller's to take
** and to fill (orc_prefix_put). Before any block gives way since they were found. Returns the s it
** takes.
*/
double orc_prefix_fetch(orc_prefix *p, const orc_content *c, const orc_prefix_match *found);

/*
** The next full block of a request, which it holds as its own, is computed: it enters the cache
*behind
** `last`, or is given back where it is there already. Returns the block now held for it.
**   index   of the block in the request, from 0
*/
uint32_t orc_prefix_put(orc_prefix *p, const orc_content *c, uint32_t last, int32_t index);

/*
** Hold the chain that ends in `last` no more; ORC_NO_BLOCK is allowed. Its blocks are worth `grade`
** (0 .. ORC_PREFIX_GRADES - 1), or what others said they are if that is more.
*/
void orc_prefix_release_as(orc_prefix *p, uint32_t last, int grade);

/* The same with grade 0. */
void orc_prefix_release(orc_prefix *p, uint32_t last);

#endif
