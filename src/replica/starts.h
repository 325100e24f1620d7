/*
** starts.h - where prompts begin alike: which caches have a block that begins prompts, by its hash. So that
** a prompt is looked for where some of it is, and not in every cache.
*/
#ifndef ORC_REPLICA_STARTS_H
#define ORC_REPLICA_STARTS_H

#include "base/base.h"

#define ORC_NO_START UINT32_MAX

/* A cache that has it. */
typedef struct orc_start {
  uint32_t next; /* of the same hash, or of those unused; ORC_NO_START: none */
  uint16_t cache;
} orc_start;

typedef struct orc_starts_entry {
  uint64_t hash;
  uint32_t first; /* ORC_NO_START: an empty place */
} orc_starts_entry;

/* All zeroes: there are none. */
typedef struct orc_starts {
  orc_starts_entry *table; /* [room] by hash: open addressing */
  orc_start *at;           /* [at_room] the first `made` were handed out at least once */
  uint32_t room;           /* a power of two, at least twice `named` */
  uint32_t named;          /* hashes */
  uint32_t made, at_room, unused, unused_count;
} orc_starts;

void orc_starts_done(orc_starts *s);

/* A cache has the block of this hash from now on, once; or no more. */
void orc_starts_add(orc_starts *s, uint64_t hash, uint16_t cache);
void orc_starts_remove(orc_starts *s, uint64_t hash, uint16_t cache);

/* The first cache that has it, a place in `at`; ORC_NO_START: none has. In no order. */
uint32_t orc_starts_first(const orc_starts *s, uint64_t hash);

#endif
