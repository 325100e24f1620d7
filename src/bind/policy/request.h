/*
** request.h - a request as policies see it: r.prompt in Lua, or a column of many requests.
*/
#ifndef ORC_BIND_POLICY_REQUEST_H
#define ORC_BIND_POLICY_REQUEST_H

#include <lua.h>

#include "replica/request.h"

/* What a policy may know of a request. */
typedef enum orc_policy_request_field {
  ORC_FIELD_ID,         /* counts from 1 */
  ORC_FIELD_PROMPT,     /* tokens */
  ORC_FIELD_ARRIVAL,    /* s */
  ORC_FIELD_CLIENT,     /* its number */
  ORC_FIELD_SESSION,    /* its number; 0: none */
  ORC_FIELD_PRIORITY,   /* smaller is more urgent */
  ORC_FIELD_PROFILE,    /* its number */
  ORC_FIELD_TIMEOUT,    /* s after its arrival; nil: none */
  ORC_FIELD_MAX_OUTPUT, /* tokens it may generate at most */
  ORC_FIELD_GENERATED,  /* tokens that came out so far */
  ORC_FIELD_COMPUTED,   /* tokens whose KV is there */
  ORC_FIELD_OUTPUT,     /* tokens it will generate: only for a policy with clairvoyant = true */
  ORC_FIELDS
} orc_policy_request_field;

/* Their names in Lua. */
extern const char *const orc_policy_request_fields[ORC_FIELDS];

/* Push a field's value.
**   decoded   tokens that came out since q->generated and q->computed were last brought up to date */
void orc_policy_request_push(lua_State *L, const orc_request *q, orc_policy_request_field field,
                             int32_t decoded);

/* Make the metatables "oracle.request" and "oracle.request.clairvoyant"; leaves the stack as it was. */
void orc_policy_request_open(lua_State *L);

#endif
