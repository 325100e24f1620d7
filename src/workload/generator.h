/*
** generator.h - a source whose requests others make, in blocks: a function fills columns with the
** requests that come next, so that a script is asked once in a few thousand of them.
*/
#ifndef ORC_WORKLOAD_GENERATOR_H
#define ORC_WORKLOAD_GENERATOR_H

#include "base/base.h"
#include "workload/source.h"

enum { ORC_BLOCK_MOST = 4096 }; /* rows of a block */

/* Tokens of a text that others may have too. */
typedef struct orc_prompt_part {
  uint64_t text;
  int32_t tokens;
} orc_prompt_part;

/*
** Requests by column; row i is one request. Every column has `room` rows, which hold the value in
** brackets until they are written.
*/
typedef struct orc_request_block {
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
  int32_t *more;          /* texts between that one and the rest, in `parts` [0] */
  uint64_t *text;         /* the rest: equal for prompts asked again [0: unlike any other] */
  bool *streamed;         /* the client gets each token as it comes [true] */
  bool *stops;            /* a token that is not foreseen ends it (arrival.h) [false] */
  bool *continues;        /* follow only: `prompt` is added to all that was said [false] */
  bool *repeats;          /* follow only: the prompt that was asked, again [false] */
  uint16_t *profile;      /* [that of the source] */
  uint32_t *tag;          /* what the generator knows it by (arrival.h) [0] */
  orc_prompt_part *parts; /* the texts of all rows that have more than one, row by row */
  int part_count, part_room;
} orc_request_block;

/* One more text a row's prompt begins with, after those before; rows in order. tokens: >= 1. */
void orc_block_begin_with(orc_request_block *b, int row, uint64_t text, int32_t tokens);

/* What makes the requests of a source; each failure ends the run with what *e says. */
typedef struct orc_generator {
  void *self;
  /* Write up to b->room rows and set b->count; 0: no more come. False with *e. */
  bool (*fill)(void *self, orc_request_block *b, orc_error *e);
  /*
  ** A request has ended: one more of its client's may follow, of the same session. Then b->count
  ** is 1 and row 0 is the request, its `time` in s >= 0 after of->ended. False with *e. NULL: none
  ** ever follows.
  */
  bool (*follow)(void *self, const orc_outcome *of, orc_request_block *b, orc_error *e);
  /*
  ** Say in *e where the error in it comes from: it is about the request with this number, from 1.
  ** NULL: "workload: request N: " is put before it.
  */
  void (*explain)(void *self, int64_t number, orc_error *e);
  void (*done)(void *self); /* may be NULL */
} orc_generator;

typedef struct orc_generator_options {
  uint16_t profile;
  int room;        /* rows of a block, 1 to ORC_BLOCK_MOST */
  int64_t count;   /* requests in all; INT64_MAX: no bound */
  int64_t most;    /* where nothing bounds them, more than so many are an error; 0: none are */
  double duration; /* s; none comes at or after it; INFINITY: no bound */
  double timeout;  /* s; INFINITY: never */
  bool told;       /* prompts have identities; else prefix and text must stay 0 */
  bool open;       /* requests are sent besides those of `fill` (orc_generator_send) */
} orc_generator_options;

/*
** A source of such requests. Every row is checked; the first wrong one ends it with an error that
** names the request and the column.
*/
orc_source orc_source_generator(const orc_generator *g, const orc_generator_options *o);

/* What makes its requests. */
const orc_generator *orc_generator_of(const orc_source *s);

/* A block of one row, as it is before it is written: of a request that orc_generator_send sends. */
orc_request_block *orc_generator_row(const orc_source *s);

/*
** The request in that row comes `time` s after `now`, whatever the source has drawn. False with
** e->code 0: it would come after the source's duration. Else false with what is wrong in *e.
*/
bool orc_generator_send(const orc_source *s, orc_time now, orc_arrival *out, orc_error *e);

#endif
