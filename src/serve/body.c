#include "serve/body.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "serve/limits.h"

enum { DEPTH_MOST = 64 };

static bool not_json(orc_refusal *why, size_t at, const char *what)
{
  return orc_refuse(why, 400, "Bad Request",
                    "[{'type': 'json_invalid', 'loc': ('body', %zu), 'msg': 'JSON decode error', "
                    "'input': {}, 'ctx': {'error': '%s'}}]",
                    at, what);
}

/* The end of the string that opens at `i`, or `length`. *zero: it has U+0000 in it, where C's strings end. */
static size_t skip_string(const char *text, size_t length, size_t i, bool *zero)
{
  for (i++; i < length && text[i] != '"'; i++) {
    if (text[i] != '\\') continue;
    *zero = *zero || (length - i >= 6 && memcmp(text + i, "\\u0000", 6) == 0);
    i++;
  }
  return i < length ? i : length;
}

/* Before a parser builds anything: it is UTF-8, not deep, and has not too many values. */
static bool bounded(const char *text, size_t length, orc_refusal *why)
{
  size_t values = 0;
  int depth = 0;
  bool zero = false;
  for (size_t i = 0; i < length;) {
    const size_t size = orc_text_character(text + i, length - i);
    if (size == 0) return not_json(why, i, "Invalid UTF-8");
    if (text[i] == '\0') return not_json(why, i, "Invalid control character");
    i += size;
  }
  for (size_t i = 0; i < length; i++) {
    const char c = text[i];
    if (c == '"') i = skip_string(text, length, i, &zero);
    if (zero) return not_json(why, i, "U+0000 in a string");
    if (c == '[' || c == '{') depth++;
    if (c == ']' || c == '}') depth--;
    values += c == ',' || c == '[' || c == '{';
    if (depth > DEPTH_MOST) return not_json(why, i, "Too deeply nested");
    if (values > ORC_LIMIT_VALUES) return not_json(why, i, "Too many values");
  }
  return true;
}

cJSON *orc_body_parse(const char *body, size_t length, orc_refusal *why)
{
  const char *end = NULL;
  if (!bounded(body, length, why)) return NULL;
  cJSON *json = cJSON_ParseWithLengthOpts(body, length, &end, 0);
  if (json == NULL) {
    not_json(why, end != NULL ? (size_t)(end - body) : 0, "Expecting value");
    return NULL;
  }
  while (end < body + length && strchr(" \t\r\n", *end) != NULL)
    end++;
  if (end < body + length) {
    cJSON_Delete(json);
    not_json(why, (size_t)(end - body), "Extra data");
    return NULL;
  }
  if (!cJSON_IsObject(json)) {
    cJSON_Delete(json);
    orc_refuse(why, 400, "Bad Request",
               "[{'type': 'model_attributes_type', 'loc': ('body',), 'msg': 'Input should be a "
               "valid dictionary or object to extract fields from'}]");
    return NULL;
  }
  return json;
}

bool orc_body_wrong(orc_refusal *why, const char *field, const char *type, const char *message)
{
  return orc_refuse(why, 400, "Bad Request", "[{'type': '%s', 'loc': ('body', '%s'), 'msg': '%s'}]",
                    type, field, message);
}

const cJSON *orc_body_field(const cJSON *object, const char *field)
{
  const cJSON *v = cJSON_GetObjectItemCaseSensitive(object, field);
  return v == NULL || cJSON_IsNull(v) ? NULL : v;
}

bool orc_body_bool(const cJSON *object, const char *field, bool *out, orc_refusal *why)
{
  const cJSON *v = orc_body_field(object, field);
  if (v == NULL) return true;
  if (!cJSON_IsBool(v))
    return orc_body_wrong(why, field, "bool_type", "Input should be a valid boolean");
  *out = cJSON_IsTrue(v);
  return true;
}

bool orc_body_number(const cJSON *object, const char *field, double *out, orc_refusal *why)
{
  const cJSON *v = orc_body_field(object, field);
  if (v == NULL) return true;
  if (!cJSON_IsNumber(v) || !isfinite(v->valuedouble))
    return orc_body_wrong(why, field, "float_type", "Input should be a valid number");
  *out = v->valuedouble;
  return true;
}

bool orc_body_whole(const cJSON *object, const char *field, int64_t *out, orc_refusal *why)
{
  const cJSON *v = orc_body_field(object, field);
  if (v == NULL) return true;
  if (!cJSON_IsNumber(v) || !isfinite(v->valuedouble))
    return orc_body_wrong(why, field, "int_type", "Input should be a valid integer");
  if (v->valuedouble != floor(v->valuedouble))
    return orc_body_wrong(why, field, "int_from_float",
                          "Input should be a valid integer, got a number with a fractional part");
  if (fabs(v->valuedouble) > 9e15)
    return orc_body_wrong(why, field, "int_parsing_size", "Unable to parse input as an integer");
  *out = (int64_t)v->valuedouble;
  return true;
}

bool orc_body_text(const cJSON *object, const char *field, char **out, orc_refusal *why)
{
  const cJSON *v = orc_body_field(object, field);
  if (v == NULL) return true;
  if (!cJSON_IsString(v))
    return orc_body_wrong(why, field, "string_type", "Input should be a valid string");
  const size_t size = strlen(v->valuestring) + 1;
  free(*out);
  *out = orc_alloc(size, 1);
  memcpy(*out, v->valuestring, size);
  return true;
}
