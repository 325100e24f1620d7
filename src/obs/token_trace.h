/*
** token_trace.h - when each request got each token after its first: what a client that streams
** measures. For runs whose tokens are asked for one by one; it observes and never decides.
** Not known are tokens of steps whose end the network decides (level of detail "high" with shared
** links), and of a request that was preempted while it verified drafts.
*/
#ifndef ORC_OBS_TOKEN_TRACE_H
#define ORC_OBS_TOKEN_TRACE_H

#include "base/base.h"
#include "obs/log.h"

enum { ORC_TOKEN_TRACE_MOST = 50000000 }; /* tokens kept; further ones are counted alone */

typedef struct orc_token {
  uint64_t number; /* of the request: 0, 1, 2 ... in order of arrival */
  orc_time time;   /* ns; several tokens of a step that verified drafts come as one */
} orc_token;

typedef struct orc_token_request {
  int32_t prompt, seen; /* tokens: of the prompt; answered so far, 0: not the first one yet */
} orc_token_request;

typedef struct orc_token_trace {
  orc_token *tokens;           /* [token_count], in order of time */
  orc_token_request *requests; /* by number */
  uint64_t token_count, token_room, request_count, request_room;
  uint64_t beyond;   /* tokens there was no room for */
  orc_time step_end; /* of the step whose parts are told; ORC_NEVER: not known */
} orc_token_trace;

void orc_token_trace_done(orc_token_trace *t);

/* Tokens go into *t, which must not move. */
orc_log orc_token_trace_log(orc_token_trace *t);

#endif
