/*
** prefix_blocks.h - the entries of a prefix cache (prefix.h): how blocks are found behind each
** other, and which of them are equal. Nothing here says when a block goes.
**
** An entry is an extent: blocks that follow each other in one text, so that who has the first has those
** as well that its own text goes on for, and who held the last held all. What differs between two of
** them splits it. Where blocks are looked up one by one, in a radix tree or over lower tiers, each is an
** extent of its own.
**
** Of the extents behind an extent one is named by it; the others, and those that begin prompts, are
** found in a table by their hash. Prompts rarely part: the table is small, and a search along a
** prompt reads entries that lie in a row, for they are handed out in ascending order.
*/
#ifndef ORC_REPLICA_PREFIX_BLOCKS_H
#define ORC_REPLICA_PREFIX_BLOCKS_H

#include "base/base.h"
#include "base/index_set.h"
#include "replica/kv.h"
#include "replica/kv_tiers.h"
#include "replica/starts.h"

#define ORC_NO_BLOCK UINT32_MAX

enum { ORC_PREFIX_GRADES = 4 }; /* what blocks are worth: lower grades give way first */

/* What an entry of orc_prefix.at is. */
typedef enum orc_prefix_kind {
  ORC_PREFIX_KNOWN, /* a block that is found by its content */
  ORC_PREFIX_TWIN,  /* a block equal to a known one */
  ORC_PREFIX_ROSE,  /* what was a twin and is the known block now, until its first holder lets go */
  ORC_PREFIX_RUN,   /* blocks without content in the queue */
  ORC_PREFIX_FREE,  /* nothing */
} orc_prefix_kind;

typedef struct orc_prefix_extent {
  union {
    uint64_t hash; /* known: of its first block and all before (orc_prompt_prefix) */
    struct {
      uint32_t below;  /* twin: the next one its holder has in place of a known one */
      uint32_t before; /* twin: the one that was known before it; of the first, the last */
    };
  };
  uint32_t parent;  /* ORC_NO_BLOCK: the first of its chain; twin: the block it equals */
  uint32_t blocks;  /* in it; of a twin, or of one that has twins, one */
  uint32_t filling; /* of these, at its end: those whose step is not over, or that are loading */
  uint32_t holders; /* requests; 0: idle */
  uint32_t older,
      newer; /* idle ones by when they were given back, the last of their blocks first */
  union {
    uint32_t twin;   /* the next equal block, in the order in which they were known */
    uint32_t behind; /* of a radix tree: the next block of the node that it does not end */
  };
  uint32_t children;    /* cached extents whose parent it is */
  uint32_t first_child; /* the one of them that is not in the table; ORC_NO_BLOCK: none */
  uint32_t born;        /* blocks that had entered before it, modulo 2^32 */
  uint8_t grade;        /* the highest it was given back with */
  uint8_t kind;         /* orc_prefix_kind */
  bool loading : 1;     /* it comes back from a lower tier and is not there yet */
  bool ends_node : 1;   /* of a radix tree: what was entered at a time, or found, ends with it */
} orc_prefix_extent;

/* The cached blocks a request holds. */
typedef struct orc_prefix_chain {
  uint32_t last;  /* ORC_NO_BLOCK: none */
  uint32_t twins; /* the last of its blocks that is no known one; ORC_NO_BLOCK: none */
} orc_prefix_chain;

/* An entry of the table: a block and as much of its hash as says where it belongs. */
typedef struct orc_prefix_entry {
  uint32_t low, block; /* ORC_NO_BLOCK: empty */
} orc_prefix_entry;

typedef struct orc_prefix {
  orc_kv *kv;
  orc_prefix_extent *at;
  uint32_t count, room;
  orc_index_set unused;    /* of the first `count` entries */
  orc_prefix_entry *table; /* block by hash, of those no first_child leads to: open addressing */
  uint32_t table_room;     /* power of two, at least twice the blocks in it */
  uint32_t in_table;       /* blocks in the table */
  uint32_t cached;         /* blocks, twins among them */
  uint32_t entered;        /* known blocks that entered it so far, modulo 2^32 */
  uint32_t filling;        /* of them, those not computed yet */
  uint32_t oldest[ORC_PREFIX_GRADES], newest[ORC_PREFIX_GRADES]; /* idle ones */
  orc_kv_tiers *tiers; /* where blocks go that give way; NULL: nowhere. Not owned. */
  int64_t most;        /* blocks it keeps: beyond it idle ones are evicted; 0: as many as fit */
  uint32_t twins;      /* there are, in all */
  int64_t entries; /* idle known blocks without children: ends of prefixes that no request holds */
  int64_t most_entries; /* of those it keeps; 0: as many as fit */
  orc_starts *starts;   /* is told of blocks that begin prompts; NULL: nobody asks. Not owned. */
  uint16_t index;       /* of this cache, in that */
  bool merges;          /* equal blocks are kept once */
  bool single;          /* each block is an extent of its own */
  bool radix;           /* it is a radix tree (rules.h) */
  bool recompute_last_block; /* of a prompt found whole, not its last token alone (knobs.h) */
} orc_prefix;

/* Of a chain that is walked towards its beginning, the entry that most likely comes soon, for chains
** lie in a row: near ones come too late, from 16 ahead on it is all the same. */
static inline void orc_prefix_prefetch(const orc_prefix *p, uint32_t extent)
{
  enum { AHEAD = 32 };
  if (extent >= AHEAD) __builtin_prefetch(&p->at[extent - AHEAD], 1);
}

/* An unused entry. Grows by doubling. */
uint32_t orc_prefix_make(orc_prefix *p);

/* An entry is unused again. */
void orc_prefix_discard(orc_prefix *p, uint32_t block);

/* The block with this hash behind its parent, or, where that is ORC_NO_BLOCK, at the beginning of a
 * prompt; ORC_NO_BLOCK: there is none. */
uint32_t orc_prefix_look_up(const orc_prefix *p, uint32_t parent, uint64_t hash);

/* A block is found behind its parent from now on, or no more. */
void orc_prefix_insert(orc_prefix *p, uint32_t block);
void orc_prefix_leave(orc_prefix *p, uint32_t block);

/* From now on it tells which blocks begin prompts, those that are there first. */
void orc_prefix_tell(orc_prefix *p, orc_starts *starts, uint16_t index);

/*
** The first `blocks` of an extent, not all, become one of their own, which is returned; the rest stays where it
** was named, behind that, and next to it in the queue.
**   rest   its hash
*/
uint32_t orc_prefix_split(orc_prefix *p, uint32_t extent, uint32_t blocks, uint64_t rest);

/* A twin comes behind those of a known block. */
void orc_prefix_link_twin(orc_prefix *p, uint32_t known, uint32_t twin);

/* A twin is no longer among those of the block it equals. */
void orc_prefix_unlink_twin(orc_prefix *p, uint32_t twin);

/* Its entry is unused again. */
void orc_prefix_end_twin(orc_prefix *p, uint32_t twin);

/* The first twin of a known block that has given way takes its place, and keeps its own in the
 * queue. */
void orc_prefix_raise_twin(orc_prefix *p, uint32_t block);

#endif
