/*
** ask.h - the body of a request for completions: read from JSON and checked as vLLM checks it, with the
** messages its users know. What is not known here is ignored, as there.
*/
#ifndef ORC_SERVE_ASK_H
#define ORC_SERVE_ASK_H

#include "serve/limits.h"
#include "serve/refusal.h"
#include "serve/tokens.h"

enum { ORC_ASK_OPEN = -1 }; /* a number that the client leaves open */

typedef struct orc_ask {
  bool chat;                         /* messages; else prompts */
  bool stream, usage, usage_in_each; /* stream_options.include_usage, continuous_usage_stats */
  bool ignore_eos, echo;
  int32_t n;          /* answers to each prompt, >= 1 */
  int64_t max_tokens; /* >= 1 or ORC_ASK_OPEN */
  int64_t min_tokens; /* >= 0 */
  int32_t priority;
  char *model;         /* NULL: not said */
  char *user;          /* NULL: not said */
  uint64_t salt;       /* of cache_salt; 0: none */
  orc_tokens *prompts; /* [prompt_count] */
  int prompt_count;
  char **stops; /* [stop_count] none of them empty */
  int stop_count;
} orc_ask;

void orc_ask_done(orc_ask *a);

/*
** Read a body. False with *why; *a must be freed either way.
**   chat     the messages of a chat; else prompts
**   choices  answers that one request may have at most
*/
bool orc_ask_read(orc_ask *a, const char *body, size_t length, bool chat, int choices,
                  orc_refusal *why);

/* The tokens of a request to /tokenize, a prompt or messages, as the first of a->prompts. */
bool orc_ask_tokenize(orc_ask *a, const char *body, size_t length, orc_refusal *why);

/* The tokens of a request to /detokenize. */
bool orc_ask_detokenize(orc_ask *a, const char *body, size_t length, orc_refusal *why);

#endif
