/*
** kv_groups.h - the KV blocks of requests where the layers of a model do not all keep every token:
** groups of layers of one kind, each request holding blocks of its own in each of them, all out of
** one pool (vLLM's hybrid KV cache manager: v1/core/single_type_kv_cache_manager.py,
** kv_cache_coordinator.py and kv_cache_manager.py of 0.11 and 0.33). A replica whose layers all
** keep every token has none of this (prefix.h).
**
** A sequence's blocks are numbered from 0 by the place of their tokens, in every group alike; a
** group holds those that are still read.
*/
#ifndef ORC_REPLICA_KV_GROUPS_H
#define ORC_REPLICA_KV_GROUPS_H

#include "base/base.h"
#include "replica/block_pool.h"
#include "workload/prompt.h"

enum { ORC_KV_GROUPS_MOST = 64 };

/* What the layers of a group keep of a sequence. */
typedef enum orc_kv_keep {
  ORC_KV_FULL,    /* all of it */
  ORC_KV_SLIDING, /* a token reads the `reach` tokens up to itself */
  ORC_KV_CHUNKED, /* a token reads from the beginning of its chunk of `reach` tokens */
  ORC_KV_STATE,   /* one state, in one block, whatever its length */
  ORC_KV_ALIGNED, /* states at block boundaries: that of the last step and the one being written */
  ORC_KV_KEEPS
} orc_kv_keep;

typedef struct orc_kv_group {
  orc_kv_keep keep;
  int32_t reach;      /* tokens; 0 where it means nothing */
  int32_t block_size; /* tokens */
} orc_kv_group;

/* How versions differ, and what is cached. */
typedef struct orc_kv_habits {
  bool caching;          /* blocks are known by their content */
  bool keeps_boundaries; /* windows keep what a replay of the prompt, or of a text that others were
                            seen to share, reads; else all (0.33 config/cache.py:275) */
  bool keeps_last_known; /* of chunks, the last known block is never let go
                            (0.11 single_type_kv_cache_manager.py:500-507) */
} orc_kv_habits;

/* The blocks of one request in one group: places first .. count - 1; before them it holds none. */
typedef struct orc_kv_places {
  uint32_t *at; /* [room], a power of two: the block of place i is at[i & (room - 1)] */
  int32_t room, first, count;
  int32_t read; /* aligned: the place of the state that the newest step reads; -1: none */
} orc_kv_places;

/* The blocks of one request. */
typedef struct orc_kv_table {
  int32_t known; /* its first blocks, which have been made known; -1: none were looked at */
  int32_t chunk; /* tokens it was given last */
  int32_t wakes; /* as one token follows the other, with fewer in all nothing changes */
  uint64_t hash; /* of the known ones */
  uint32_t next; /* in the list of free tables */
} orc_kv_table;

#define ORC_NO_TABLE UINT32_MAX

/* The beginning of a sequence that all groups can go on from. Valid until the next search. */
typedef struct orc_kv_found {
  int32_t blocks;                    /* in every group */
  int32_t junction;                  /* tokens that some group knows, if more; 0: no more */
  int32_t first[ORC_KV_GROUPS_MOST]; /* the first place that is read, by group */
  uint64_t *hash;                    /* [room] of the blocks looked at */
  int32_t hashed, room;
} orc_kv_found;

typedef struct orc_kv_groups {
  orc_block_pool pool;
  const orc_kv_group *of; /* [count] */
  int count;
  int kind[ORC_KV_GROUPS_MOST];  /* of each group: alike ones are searched together */
  int order[ORC_KV_GROUPS_MOST]; /* [kinds] a group of each kind, in the order they are searched */
  int kinds;
  int32_t block_size; /* tokens in a block that is known by its content */
  orc_kv_habits habits;
  orc_kv_table *tables; /* [room] */
  orc_kv_places *places;
  uint32_t table_count, table_room, free;
  orc_kv_found found;
  uint64_t *written; /* aligned: contents that the step being formed writes */
  int written_count, written_room;
  bool aligned; /* some group keeps states at block boundaries */
} orc_kv_groups;

/* Whose blocks, and what they hold. */
typedef struct orc_kv_owner {
  uint32_t *table;           /* ORC_NO_TABLE: it holds none */
  const orc_prompt *content; /* of its sequence; needed to find blocks and to make them known */
  uint64_t root;             /* stands for all before its first block */
  int32_t boundaries[2];     /* tokens after which somebody may go on; 0: none */
} orc_kv_owner;

/* No request holds anything. `of` and *kv are kept; sizes of groups that know blocks by content are
** kv->block_size. */
void orc_kv_groups_init(orc_kv_groups *g, const orc_kv_group *of, int count, orc_kv *kv,
                        bool one_queue, orc_kv_habits habits);
void orc_kv_groups_done(orc_kv_groups *g);

/* Blocks that a request of `tokens` holds at most, with so many in flight. */
int64_t orc_kv_groups_most(const orc_kv_groups *g, int64_t tokens, int64_t in_flight);

/* A step is formed. */
void orc_kv_groups_begin_step(orc_kv_groups *g);

/* The longest known beginning of at most `limit` tokens, into g->found. */
void orc_kv_groups_find(orc_kv_groups *g, const orc_kv_owner *o, int32_t limit);

/* Nothing is found. */
void orc_kv_groups_find_none(orc_kv_groups *g);

/* Available blocks that a request needs for `tokens` in all, beginning with what was found, where
** `computed` are there. A state that is only being written is out of reach: INT64_MAX. */
int64_t orc_kv_groups_lack(const orc_kv_groups *g, const orc_kv_owner *o, int32_t tokens,
                           int32_t computed);

/* The same for all of a sequence, of which no group holds more than it ever does with `in_flight`
** tokens in flight (0.33 single_type_kv_cache_manager.py:214-266). */
int64_t orc_kv_groups_lack_whole(const orc_kv_groups *g, const orc_kv_owner *o, int32_t tokens,
                                 int32_t computed, int64_t in_flight);

/* Hold what was found. */
void orc_kv_groups_adopt(orc_kv_groups *g, const orc_kv_owner *o, int32_t computed);

/* Hold blocks for `tokens` in all, the newest `chunk` of which were not there. */
void orc_kv_groups_grow(orc_kv_groups *g, const orc_kv_owner *o, int32_t tokens, int32_t chunk);

/* Full blocks of the first `tokens` are known from now on. */
void orc_kv_groups_know(orc_kv_groups *g, const orc_kv_owner *o, int32_t tokens);

/* Tell the request's table when it wakes: when it needs a block, fills one or gives one back, of
** `lag` tokens fewer being processed than are computed. */
void orc_kv_groups_rest(orc_kv_groups *g, const orc_kv_owner *o, int32_t lag);

/* With so many tokens processed, blocks of which nothing is read again go back. */
void orc_kv_groups_drop_unread(orc_kv_groups *g, const orc_kv_owner *o, int32_t processed);

/* All go back. */
void orc_kv_groups_free(orc_kv_groups *g, const orc_kv_owner *o);

#endif
