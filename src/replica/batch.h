/*
** batch.h - one step of a replica while a policy forms it: the verbs. Each acts on whole sets in C
** and keeps the laws whatever the policy does: blocks used + free = total, no step over its budget.
*/
#ifndef ORC_REPLICA_BATCH_H
#define ORC_REPLICA_BATCH_H

#include "base/base.h"
#include "replica/preempt.h"
#include "replica/scheduler.h"
#include "replica/server.h"

/* What a policy forms: the step of a microbatch, while the policy is called. */
struct orc_batch {
  orc_replica *replica;
  orc_microbatch *microbatch;
};

/*
** Every decoding sequence takes part with one token. Where blocks run short, running requests are
** preempted until the others fit: which of them the policy's `victim` says, and how the knob
** `swap`. Returns the tokens: the number of sequences. Calling it again changes nothing.
*/
int orc_batch_decode(orc_batch *b);

/*
** Prompts begun in earlier steps go on, in order of admission, with `limit` >= 1 tokens in all;
** preempts as decode does. Returns the tokens granted.
*/
int orc_batch_resume(orc_batch *b, int limit);

/*
** Running requests go on: decode, then resume with what that leaves of `limit` >= 1. Returns the
** tokens granted, which decodes alone may make more than `limit`.
*/
int orc_batch_go_on(orc_batch *b, int limit);

/* How the queue fills a step. */
typedef enum orc_fill {
  ORC_FILL_RESERVE = 1,   /* with all the blocks they may need, as orc_batch_admit_reserved */
  ORC_FILL_PASS_OVER = 2, /* a prompt too long for what is left, where prompts are not cut, waits;
                             requests behind it come first */
} orc_fill;

/*
** Admit from the head of the queue, one after the other, until `limit` >= 1 tokens are granted or
** one gets none. Returns the tokens granted.
**   how   orc_fill, or'ed
*/
int orc_batch_fill(orc_batch *b, int limit, unsigned how);

/*
** Admit the request at the head of the queue with at most `limit` >= 1 of its tokens.
** Returns the tokens granted; 0 when the queue is empty, max_num_seqs run already, the step's
** budget is spent or no block is free, and then nothing has changed.
*/
int orc_batch_admit(orc_batch *b, int limit);

/*
** The request at the head of the queue, which is the next to be admitted: those before it whose prefixes
** must come from a lower tier first, and have room, set out for them. The tokens it needs computed before
** its next one comes out, and in *blocks the available KV blocks that takes. 0 when the queue is empty.
*/
int orc_batch_head(orc_batch *b, int64_t *blocks);

/* Blocks the head of the queue lacks to run to its longest end; 0 when the queue is empty. */
int64_t orc_batch_head_reserve(orc_batch *b);

/*
** KV blocks the head of the queue could have: available ones, and those of paused requests behind
** it, which are given up for it.
*/
int64_t orc_batch_room(const orc_batch *b);

/* Admit a given waiting request (its number); 0 also when it does not wait here. */
int orc_batch_admit_one(orc_batch *b, uint64_t number, int limit);

#define ORC_HEAD UINT64_MAX /* stands for the request at the head of the queue */

/*
** Admit a request (its number, or ORC_HEAD) with all the blocks it may ever need: those of its
** prompt and max_output tokens. It is then never short of one. Returns the tokens granted; 0 when
** these blocks are not there.
*/
int orc_batch_admit_reserved(orc_batch *b, uint64_t number, int limit);

/* Prompt tokens of a waiting request that the prefix cache holds now; 0 when it does not wait here.
 */
int32_t orc_batch_cached(const orc_batch *b, uint64_t number);

/* What the first `tokens` >= 1 tokens of a waiting request are, in *text: equal for equal ones.
 * False when it does not wait here, is shorter, or its prompt is unlike any other. */
bool orc_batch_beginning(const orc_batch *b, uint64_t number, int32_t tokens, uint64_t *text);

/* Cached blocks that no request holds are evicted until `blocks` are free, or none is left. */
void orc_batch_make_room(orc_batch *b, int64_t blocks);

/* Tokens the running requests may yet generate, each counted for at most `clip`. */
int64_t orc_batch_owed(const orc_batch *b, int32_t clip);

/* The share of their longest answers that the running requests have generated, each given `more`
 * tokens on top, with a token more asked for in all. */
double orc_batch_progress(const orc_batch *b, int32_t more);

/* Blocks that the decodes of this step still have to open; 0 once they take part. */
int64_t orc_batch_need(const orc_batch *b);

/* Give a request of this replica another place in the queue (smaller goes first); false when it is
** not here. A running one takes the place when it is preempted. */
bool orc_batch_rekey(orc_batch *b, uint64_t number, double key);

/* The policy wants to know when a request of this replica has generated so many tokens (orc_request.alarm); false when it
** is not here. */
bool orc_batch_set_alarm(orc_batch *b, uint64_t number, int32_t tokens);

/*
** Order the queue by a depth-first walk of the prefix tree (prefix_order.h): waiting requests are
** given the keys 1, 2, 3 ...; later arrivals, with their numbers as keys, stand behind them.
*/
void orc_batch_walk(orc_batch *b);

/* Send a running request back to the queue; false when it does not run here. */
bool orc_batch_preempt(orc_batch *b, uint64_t number, orc_preempt_mode how);

/* Preempt the running request that goes first (the policy's `victim` says which); false when none
** can be. */
bool orc_batch_preempt_last(orc_batch *b, orc_preempt_mode how);

/* Call the policy again at the next step though nothing may have changed, if requests wait then. */
void orc_batch_again(orc_batch *b);

/* Call the policy again at `time` (ns) though nothing may have changed; the earliest call wins. */
void orc_batch_wake(orc_batch *b, orc_time time);

#endif
