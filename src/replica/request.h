/*
** request.h - a request in flight: one state machine, one slot in a pool.
**
**   QUEUED -> PREFILL -> DECODE -> DONE       the straight way
**   PREFILL, DECODE -> QUEUED                 preempted (KV dropped, kept or swapped out)
**   PREFILL -> MOVING -> QUEUED               decoded by another replica (kv_transfer.h)
**   QUEUED -> LOADING -> QUEUED               its cached prefix comes back first (kv_onload.h)
**   any -> DONE                               rejected, timed out, cancelled
*/
#ifndef ORC_REPLICA_REQUEST_H
#define ORC_REPLICA_REQUEST_H

#include "base/base.h"
#include "base/status.h"
#include "obs/record.h"
#include "replica/kv_groups.h"
#include "replica/prefix.h"
#include "workload/arrival.h"

typedef enum orc_state {
  ORC_FREE, /* the slot holds no request */
  ORC_QUEUED,
  ORC_PREFILL,
  ORC_DECODE,
  ORC_DONE,
  ORC_MOVING,  /* its prompt is computed; its KV goes to the replica that will decode it */
  ORC_ENDING,  /* its last token is on its way in a running step: it runs, but decodes no more */
  ORC_LOADING, /* what is cached of it comes back from lower tiers (kv_onload.h) */
} orc_state;

typedef uint32_t orc_slot; /* index into the pool */
#define ORC_NO_SLOT UINT32_MAX

typedef struct orc_request {
  orc_arrival in;
  uint64_t number;        /* 0, 1, 2 ... in order of arrival */
  uint64_t admitted;      /* place among those that run: smaller before */
  double key;             /* place in the queue: smaller goes first, ties by number */
  orc_time scheduled;     /* first time in a batch; -1 before */
  orc_time first_token;   /* -1 before */
  orc_time chunk_end;     /* of the newest step with a chunk of its prompt; 0 before */
  orc_time last_token;    /* of the newest token; valid outside the decode set */
  int32_t computed;       /* tokens whose KV is in memory; valid outside the decode set */
  int32_t generated;      /* output tokens so far; valid outside the decode set */
  int32_t blocks;         /* KV blocks held; valid outside the decode set */
  int32_t cached;         /* prompt tokens found in the prefix cache at first admission */
  int32_t cached_blocks;  /* KV blocks these are in */
  int32_t entered;        /* its newest blocks in the cache, which the step being formed fills */
  int32_t ahead;          /* tokens of it in running steps, beyond those computed */
  int32_t shared;         /* of its blocks, those in the prefix cache: the first ones */
  orc_prefix_chain chain; /* these (prefix.h) */
  uint32_t table;         /* its blocks by groups (kv_groups.h); ORC_NO_TABLE: none */
  int32_t junction;       /* tokens it has in common with what others were seen to share, of which
                             some groups of layers knew nothing; 0: none */
  int32_t lost;           /* the most tokens it had when a preemption or a failure took them */
  int32_t prefilled;      /* prompt tokens computed for it, recomputation included */
  int32_t recomputed;     /* tokens computed for it that it had before */
  int32_t preemptions;
  int32_t credited;     /* of its output tokens, those that its policy has counted for its client */
  int32_t alarm;        /* output tokens at which its policy wants to know; 0: it has not said */
  int32_t drafts;       /* speculation: drafts it verifies in the step being formed or in flight */
  int32_t rejected;     /* of its newest step, tokens computed for nothing */
  int32_t together;     /* tokens that came with its newest one, in the same step */
  uint32_t member;      /* its place in a decode set that keeps members */
  int32_t staged;       /* prompt tokens that `unsent` is told of; 0: none */
  orc_time staged_at;   /* when it was true */
  double unsent;        /* of them, those whose KV the links had no time for yet (kv_transfer.h) */
  int32_t promised;     /* prompt tokens it counts for in the load of a replica (router_load.h) */
  uint32_t load_end;    /* the end of its prompt's blocks there; ORC_NO_BLOCK: none is another's */
  int32_t swapped;      /* blocks of it in host memory; then it waits and holds none of the GPU's */
  uint64_t joined;      /* decode set: its step counter when this request joined */
  uint32_t place[2];    /* positions in the heaps that hold it (queue.h) */
  orc_slot prev, next;  /* running list, in order of admission; of a paused one, waiting.h's list */
  orc_time loaded;      /* ORC_LOADING: when the last of it comes in */
  orc_prefix_memo seen; /* how far a prefix cache had its prompt when it was last asked */
  uint16_t replica;
  uint16_t
      routed_to; /* the replica the router chose: with pools, the one that computes the prompt */
  uint16_t load_replica; /* 1 + the replica whose load it counts for; 0: none */
  uint8_t microbatch;    /* of its replica: where it decodes, or its newest chunk ran */
  uint8_t
      steps_in_flight; /* running steps it must see the end of: those with chunks of it, and the one
                          whose end lets it into the decode set */
  uint8_t state;       /* orc_state */
  uint8_t prefix_event; /* orc_prefix_event */
  uint8_t aborted;      /* an orc_status it ends with when the running step is over; 0 none */
  bool partial;         /* running, its prompt begun in an earlier step and not done */
  bool follows;         /* a later turn of a session */
  bool served;          /* it has its tokens of the step being formed (batch.c) */
  bool handed_over;     /* it waits here for the first time, with KV that came from elsewhere */
  bool known;           /* the batching policy was told that it is here, and not yet that it left */
  uint8_t extra;        /* tokens scheduled for it beyond its last, before that one is known */
  bool finds_own;       /* its prompt, unlike any other, is known by its content all the same */
  int32_t before;       /* of generated, before the end of the warm-up */
  bool outranked;       /* running, and a waiting request goes before it: while that is counted */
  bool counted;         /* arrived after warm-up: enters the metrics */
} orc_request;

/*
** All requests in flight. Slots are reused, so memory follows what is in flight; `window` finds
** the slot of a number between the oldest unfinished request and the newest.
*/
typedef struct orc_requests {
  orc_request *at;
  uint32_t count, room; /* slots handed out at least once; allocated */
  orc_slot free;        /* first free slot, linked by next */
  uint64_t live;
  uint64_t next_number;
  uint64_t oldest;  /* every number below is finished */
  orc_slot *window; /* [window_room], power of two; by number & (window_room - 1) */
  uint64_t window_room;
} orc_requests;

void orc_requests_init(orc_requests *p);
void orc_requests_done(orc_requests *p);

/* A new request, QUEUED, numbered next. */
orc_slot orc_requests_add(orc_requests *p, const orc_arrival *in);

/* Give a DONE request's slot back. */
void orc_requests_drop(orc_requests *p, orc_slot slot);

/* The slot of a request still in flight, or ORC_NO_SLOT. */
orc_slot orc_requests_find(const orc_requests *p, uint64_t number);

/* Tokens that are scheduled for it in all. */
static inline int32_t orc_request_scheduled(const orc_request *r)
{
  return r->in.output + r->extra;
}

/* Tokens of it at its longest end. */
static inline int64_t orc_request_longest(const orc_request *r)
{
  return (int64_t)r->in.prompt + r->in.max_output;
}

/* Whether what was scheduled of it is still being computed at `now`. */
static inline bool orc_request_in_flight(const orc_request *r, orc_time now)
{
  return r->last_token > now || r->chunk_end > now;
}

/* It stops at `now`: a token on its way never comes. Out of the decode set.
**   under_way   whether a step that ends at this very moment is not over yet */
static inline void orc_request_cut(orc_request *r, orc_time now, bool under_way)
{
  const orc_time known = now - under_way;
  if (r->chunk_end > now) r->chunk_end = now;
  if (r->last_token <= known || r->generated == 0) return;
  r->generated -= 1 + r->together;
  r->last_token = now;
  if (r->first_token > known) r->first_token = -1;
}

/* Tokens that must be computed before the next token comes out: the prompt and what was generated.
 */
static inline int32_t orc_request_target(const orc_request *r)
{
  return r->in.prompt + r->generated;
}

#endif
