/*
** chunk.h - answers as JSON, as vLLM's OpenAI server writes them: whole ones, and the events of a stream.
*/
#ifndef ORC_SERVE_CHUNK_H
#define ORC_SERVE_CHUNK_H

#include "serve/text.h"

/* What all replies to one request have in common. */
typedef struct orc_reply_head {
  bool chat;
  const char *id;    /* "cmpl-..." */
  int64_t created;   /* s since 1970 */
  const char *model; /* as the server calls it */
} orc_reply_head;

typedef struct orc_usage_report {
  int64_t prompt, completion, cached; /* tokens */
  double arrival, first_token, ended; /* simulated s; first_token < 0: there is none */
  bool over; /* it has ended: before, only `prompt` and `completion` are known */
} orc_usage_report;

/* A piece of an answer, or all of it. */
typedef struct orc_piece {
  int index;
  const char *text;
  size_t length;
  const char *finish; /* "length", "stop", "abort"; NULL: more comes */
  const char *stop;   /* the stop string that ended it; NULL: none did */
} orc_piece;

/* Events of a stream, each as a whole: "data: ...\n\n". */
void orc_chunk_role(orc_text *t, const orc_reply_head *h, int index);
/* A piece: what all of an answer begin with, and the rest of one. `usage` may be NULL; `time`, in simulated
** s, is told where it is >= 0. */
void orc_chunk_before(orc_text *t, const orc_reply_head *h, int index);
void orc_chunk_after(orc_text *t, const orc_reply_head *h, const orc_piece *p,
                     const orc_usage_report *usage, double time);

void orc_chunk_usage(orc_text *t, const orc_reply_head *h, const orc_usage_report *usage);
void orc_chunk_done(orc_text *t);

/* A whole answer, piece by piece. */
void orc_chunk_begin_whole(orc_text *t, const orc_reply_head *h);
void orc_chunk_add_whole(orc_text *t, const orc_reply_head *h, const orc_piece *p);
void orc_chunk_end_whole(orc_text *t, const orc_reply_head *h, const orc_usage_report *usage);

/* {"error": ...} as vLLM has it. */
void orc_chunk_error(orc_text *t, int status, const char *type, const char *message, size_t length);

#endif
