/*
** completion.h - a request for completions, from its body to the last byte of its answer.
*/
#ifndef ORC_SERVE_COMPLETION_H
#define ORC_SERVE_COMPLETION_H

#include "serve/ask.h"
#include "serve/state.h"

/* Take the request of this body, or turn it down. */
void orc_completion_begin(orc_service *s, orc_connection *c, const orc_http_request *r, bool chat);

/* Its client is gone. What is under way of it, and of others that are gone, is cancelled when they are
** reaped, after each turn: who calls may still look at it. */
void orc_completion_gone(orc_completion *k);
void orc_completion_reap(orc_service *s);

/* What the feed tells (feed.h). */
void orc_completion_tokens(orc_completion *k, int place, int32_t first, int32_t count,
                           orc_time due);
void orc_completion_ended(orc_completion *k, int place, const orc_feed_end *end);

/* Streams whose requests have come to the cluster begin. */
void orc_completion_begin_fresh(orc_service *s);

/* All that are under way end with an error. */
void orc_completion_abort_all(orc_service *s);

/* Whether a model is the one that is served; else *why. NULL: it is. */
bool orc_completion_model(const orc_service *s, const char *model, orc_refusal *why);

#endif
