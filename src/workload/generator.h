/*
** generator.h - a source whose requests others make, in blocks: a function fills columns with the
** requests that come next, so that a script is asked once in a few thousand of them.
*/
#ifndef ORC_WORKLOAD_GENERATOR_H
#define ORC_WORKLOAD_GENERATOR_H

#include "base/base.h"
#include "workload/source.h"

enum { ORC_BLOCK_MOST = 4096 }; /* rows of a block */

/*
** Requests by column; row i is one request. Every column has `room` rows, which hold the value in
** brackets until they are written.
*/
typedef struct orc_block {
  int room, count;        /* rows there is room for; rows written */
  double *time;           /* s since the run began, no less than in the row before [0] */
  int32_t *prompt;        /* tokens, >= 1 [0: must be written] */
  int32_t *output;        /* tokens it will generate, >= 1 [0: must be written] */
  int32_t *max_output;    /* tokens asked for, >= output [0: as output] */
  int32_t *priority;      /* smaller goes first [0] */
  uint32_t *client;       /* [a hundred in turn] */
  uint64_t *session;      /* the session it opens [0: none] */
  double *timeout;        /* s until the client hangs up [that of the source] */
  double *cancel;         /* s until it cancels [INFINITY: never] */
  uint64_t *prefix;       /* the text it begins with (orc_prompt_text) [0: one of its own] */
  int32_t *prefix_tokens; /* of the prompt, those of that text, <= prompt [0] */
  uint64_t *text;         /* the rest: equal for prompts asked again [0: unlike any other] */
  bool *streamed;         /* the client gets each token as it comes [true] */
  bool *continues;        /* follow only: `prompt` is added to all that was said [false] */
} orc_block;

/* What makes the requests of a source; each failure ends the run with what *e says. */
typedef struct orc_generator {
  void *self;
  /* Write up to b->room rows and set b->count; 0: no more come. False with *e. */
  bool (*fill)(void *self, orc_block *b, orc_error *e);
  /*
  ** A request has ended: one more of its client's may follow, of the same session. Then b->count
  ** is 1 and row 0 is the request, its `time` in s >= 0 after of->ended. False with *e. NULL: none
  ** ever follows.
  */
  bool (*follow)(void *self, const orc_outcome *of, orc_block *b, orc_error *e);
  void (*done)(void *self); /* may be NULL */
} orc_generator;

typedef struct orc_generator_options {
  uint16_t profile;
  int room;        /* rows of a block, 1 to ORC_BLOCK_MOST */
  int64_t count;   /* requests in all; INT64_MAX: no bound */
  double duration; /* s; none comes at or after it; INFINITY: no bound */
  double timeout;  /* s; INFINITY: never */
  bool told;       /* prompts have identities; else prefix and text must stay 0 */
} orc_generator_options;

/*
** A source of such requests. Every row is checked; the first wrong one ends it with an error that
** names the request and the column.
*/
orc_source orc_source_generator(const orc_generator *g, const orc_generator_options *o);

#endif
