/*
** decode_set.h - the sequences of a replica that decode, as sums. Each step gives every one of them
** a token; what a step needs to know (how many, how much context, which ends, which opens a new
** block) is kept up to date in O(1) per step, so a run of steps never looks at a single sequence.
*/
#ifndef ORC_REPLICA_DECODE_SET_H
#define ORC_REPLICA_DECODE_SET_H

#include "base/base.h"
#include "base/hist.h"
#include "replica/queue.h"
#include "replica/request.h"

/* Sequences whose newest token came at the same time. */
typedef struct orc_peers {
  orc_time time;
  int64_t n, counted; /* counted: of them, those whose gaps enter the metrics */
} orc_peers;

typedef struct orc_decode_set {
  orc_requests *requests;
  int64_t n;       /* sequences */
  int64_t counted; /* of them, arrived after warm-up */
  int64_t context; /* tokens of KV the next step reads, its own included */
  int64_t window;  /* same, each sequence capped at the sliding window; unused without one */
  int64_t growing; /* sequences whose context is still within the window */
  int32_t cap;     /* the sliding window in tokens; 0: none */
  int32_t block_size;
  uint64_t counter; /* steps so far: the clock of this set */
  uint32_t turn;    /* counter % block_size */
  int64_t *phase;   /* [block_size] sequences that open a new block when it is their turn */
  orc_slot
      *members; /* [n] where they verify drafts (verify.h): then blocks, tokens and gaps are each
                        member's own, and up to date; NULL: they do not */
  int64_t member_room;
  bool claimed;     /* the blocks of the coming step have been taken */
  orc_queue finish; /* by the counter at which a sequence has all its tokens */
  orc_queue cross;  /* by the counter at which its context fills the window */
  orc_peers *peers; /* [0]: those of the last step; others were left out of it or have come since */
  int peer_count, peer_room;
} orc_decode_set;

void orc_decode_set_init(orc_decode_set *d, orc_requests *requests, int32_t block_size,
                         int32_t cap);
void orc_decode_set_done(orc_decode_set *d);

/* Members verify drafts. While there are none. */
void orc_decode_set_verify(orc_decode_set *d);

/* A member that verifies has `tokens` more; its count of them is up to date. */
void orc_decode_set_moved(orc_decode_set *d, const orc_request *r, int32_t tokens);

/* A member that verifies has all its tokens. */
void orc_decode_set_finish(orc_decode_set *d, orc_slot slot);

/* A request whose newest token came at `now`: computed = prompt + generated - 1, generated <
 * output. */
void orc_decode_set_join(orc_decode_set *d, orc_slot slot, orc_time now);

/* Take a request out; its computed, generated, blocks and last_token become valid. */
void orc_decode_set_leave(orc_decode_set *d, orc_slot slot);

/* Blocks the next step opens. */
static inline int64_t orc_decode_set_need(const orc_decode_set *d)
{
  return d->phase[d->turn];
}

/* Whether a member opens a block in the next step. */
bool orc_decode_set_opens(const orc_decode_set *d, const orc_request *r);

/* Tokens of KV the next step reads in layers with a sliding window. */
static inline int64_t orc_decode_set_window(const orc_decode_set *d)
{
  return d->cap > 0 ? d->window : d->context;
}

/* A step ends at `now`: each sequence has one more token. Gaps between tokens go to `gaps`. */
void orc_decode_set_advance(orc_decode_set *d, orc_time now, orc_hist *gaps);

/* Sequences whose context has filled the window by now grow no more. Part of advance. */
void orc_decode_set_cross(orc_decode_set *d);

/* A request that has all its tokens, ORC_NO_SLOT when none has; it is still in the set. */
static inline orc_slot orc_decode_set_finished(const orc_decode_set *d)
{
  if (d->finish.count == 0 || d->finish.at[0].key > (double)d->counter) return ORC_NO_SLOT;
  return d->finish.at[0].slot;
}

/* Tokens of KV a member has in memory by now. */
static inline int32_t orc_decode_set_computed(const orc_decode_set *d, const orc_request *r)
{
  return r->computed + (int32_t)(d->counter - r->joined);
}

/* Output tokens a member has by now. */
static inline int32_t orc_decode_set_generated(const orc_decode_set *d, const orc_request *r)
{
  return r->generated + (int32_t)(d->counter - r->joined);
}

#endif
