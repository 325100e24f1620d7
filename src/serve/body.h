/*
** body.h - a request's body as a JSON object, with the errors that vLLM's users know where it is none.
*/
#ifndef ORC_SERVE_BODY_H
#define ORC_SERVE_BODY_H

#include <cjson/cJSON.h>

#include "serve/refusal.h"

/* Of a body that is a JSON object, bounded in depth and in values. NULL with *why. Freed by
** cJSON_Delete. */
cJSON *orc_body_parse(const char *body, size_t length, orc_refusal *why);

/* A field of a wrong kind: `type` and `message` as pydantic names them. Returns false. */
bool orc_body_wrong(orc_refusal *why, const char *field, const char *type, const char *message);

/* A field, NULL where it is absent or null. */
const cJSON *orc_body_field(const cJSON *object, const char *field);

/* Fields that may be absent, and then leave *out alone. False with *why where they are of another kind. */
bool orc_body_bool(const cJSON *object, const char *field, bool *out, orc_refusal *why);
bool orc_body_whole(const cJSON *object, const char *field, int64_t *out, orc_refusal *why);
bool orc_body_number(const cJSON *object, const char *field, double *out, orc_refusal *why);
bool orc_body_text(const cJSON *object, const char *field, char **out, orc_refusal *why);

#endif
