#include "serve/ask.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "serve/body.h"

static const char BAD[] = "BadRequestError";
enum { SALT = 46 }; /* a kind of texts (orc_prompt_text) */

void orc_ask_done(orc_ask *a)
{
  for (int i = 0; i < a->prompt_count; i++)
    orc_tokens_done(&a->prompts[i]);
  for (int i = 0; i < a->stop_count; i++)
    free(a->stops[i]);
  free(a->prompts);
  free(a->stops);
  free(a->model);
  free(a->user);
  *a = (orc_ask){ 0 };
}

/* ---- prompts ---- */

static orc_tokens *add_prompt(orc_ask *a)
{
  a->prompts = orc_resize(a->prompts, (size_t)a->prompt_count + 1, sizeof *a->prompts);
  a->prompts[a->prompt_count] = (orc_tokens){ 0 };
  return &a->prompts[a->prompt_count++];
}

static bool read_ids(orc_tokens *t, const cJSON *list, const char *field, orc_refusal *why)
{
  const cJSON *v;
  cJSON_ArrayForEach(v, list)
  {
    if (!cJSON_IsNumber(v) || v->valuedouble != floor(v->valuedouble))
      return orc_body_wrong(why, field, "int_type", "Input should be a valid integer");
    if (v->valuedouble < 0.0 || v->valuedouble > (double)UINT32_MAX)
      return orc_refuse(why, 400, BAD, "Token id %.0f is out of vocabulary", v->valuedouble);
    orc_tokens_add(t, (uint32_t)v->valuedouble);
  }
  return true;
}

static bool no_prompt(orc_refusal *why)
{
  return orc_body_wrong(why, "prompt", "string_type",
                        "Input should be a valid string, a list of strings, or of token ids");
}

/* One of a list: a text, or the ids of one. */
static bool read_prompt(orc_ask *a, const cJSON *v, orc_refusal *why)
{
  orc_tokens *t = add_prompt(a);
  if (cJSON_IsString(v)) {
    orc_tokens_text(t, v->valuestring, strlen(v->valuestring));
    return true;
  }
  return cJSON_IsArray(v) ? read_ids(t, v, "prompt", why) : no_prompt(why);
}

static bool read_prompts(orc_ask *a, const cJSON *json, int most, orc_refusal *why)
{
  const cJSON *v = orc_body_field(json, "prompt");
  if (v == NULL)
    return orc_refuse(why, 400, BAD,
                      "Either prompt or prompt_embeds must be provided and non-empty.");
  if (!cJSON_IsArray(v) || cJSON_IsNumber(v->child)) {
    if (!read_prompt(a, v, why)) return false;
  } else {
    const cJSON *one;
    cJSON_ArrayForEach(one, v)
    {
      if (a->prompt_count >= most)
        return orc_refuse(why, 400, BAD, "a request may have at most %d answers", most);
      if (!read_prompt(a, one, why)) return false;
    }
  }
  bool any = a->prompt_count > 0;
  for (int i = 0; i < a->prompt_count; i++)
    any = any && a->prompts[i].count > 0;
  return any || orc_refuse(why, 400, BAD, "The decoder prompt cannot be empty");
}

/* ---- messages ---- */

/* Parts of a message: their texts, one after the other. */
static bool read_parts(orc_text *into, const cJSON *list, orc_refusal *why)
{
  const cJSON *part;
  cJSON_ArrayForEach(part, list)
  {
    const cJSON *type = orc_body_field(part, "type"), *text = orc_body_field(part, "text");
    if (cJSON_IsString(part)) {
      orc_text_put(into, part->valuestring);
    } else if (!cJSON_IsObject(part)) {
      return orc_body_wrong(why, "messages", "model_type", "a part of a message expected");
    } else if (cJSON_IsString(text)) {
      orc_text_put(into, text->valuestring);
    } else {
      return orc_refuse(why, 400, BAD, "Unknown part type: %.100s",
                        cJSON_IsString(type) ? type->valuestring : "none");
    }
  }
  return true;
}

static bool read_message(orc_tokens *t, const cJSON *m, orc_refusal *why)
{
  const cJSON *role = orc_body_field(m, "role"), *content = orc_body_field(m, "content");
  if (!cJSON_IsObject(m) || !cJSON_IsString(role))
    return orc_body_wrong(why, "messages", "missing", "Field required: role");
  orc_text text = { 0 };
  bool good = true;
  if (cJSON_IsString(content))
    orc_text_put(&text, content->valuestring);
  else if (cJSON_IsArray(content))
    good = read_parts(&text, content, why);
  else if (content != NULL)
    good = orc_body_wrong(why, "messages", "string_type", "Input should be a valid string");
  if (good) orc_tokens_message(t, role->valuestring, text.at != NULL ? text.at : "", text.length);
  orc_text_done(&text);
  return good;
}

static bool read_messages(orc_ask *a, const cJSON *json, orc_refusal *why)
{
  const cJSON *list = orc_body_field(json, "messages"), *m;
  bool reply = true;
  if (list == NULL) return orc_body_wrong(why, "messages", "missing", "Field required");
  if (!cJSON_IsArray(list))
    return orc_body_wrong(why, "messages", "list_type", "Input should be a valid list");
  if (!orc_body_bool(json, "add_generation_prompt", &reply, why)) return false;
  if (list->child == NULL)
    return orc_refuse(why, 400, BAD, "messages: at least one message expected");
  orc_tokens *t = add_prompt(a);
  cJSON_ArrayForEach(m, list)
  {
    if (!read_message(t, m, why)) return false;
  }
  if (reply) orc_tokens_message(t, "assistant", NULL, 0);
  return true;
}

/* ---- how it is to be answered ---- */

static bool read_stops(orc_ask *a, const cJSON *json, orc_refusal *why)
{
  const cJSON *v = orc_body_field(json, "stop"), *one = v;
  if (v == NULL) return true;
  if (cJSON_IsArray(v)) one = v->child;
  for (; one != NULL; one = cJSON_IsArray(v) ? one->next : NULL) {
    if (!cJSON_IsString(one))
      return orc_body_wrong(why, "stop", "string_type", "Input should be a valid string");
    if (one->valuestring[0] == '\0')
      return orc_refuse(why, 400, BAD, "stop cannot contain an empty string.");
    if (a->stop_count == ORC_LIMIT_STOPS)
      return orc_refuse(why, 400, BAD, "stop: at most %d strings expected", ORC_LIMIT_STOPS);
    const size_t size = strlen(one->valuestring) + 1;
    a->stops = orc_resize(a->stops, (size_t)a->stop_count + 1, sizeof *a->stops);
    a->stops[a->stop_count] = orc_alloc(size, 1);
    memcpy(a->stops[a->stop_count++], one->valuestring, size);
  }
  return true;
}

static bool read_stream(orc_ask *a, const cJSON *json, orc_refusal *why)
{
  const cJSON *options = orc_body_field(json, "stream_options");
  if (!orc_body_bool(json, "stream", &a->stream, why)) return false;
  if (options == NULL) return true;
  if (!cJSON_IsObject(options))
    return orc_body_wrong(why, "stream_options", "model_attributes_type",
                          "Input should be a valid dictionary or object to extract fields from");
  if (!a->stream)
    return orc_body_wrong(why, "stream_options", "value_error",
                          "Value error, Stream options can only be defined when `stream=True`.");
  return orc_body_bool(options, "include_usage", &a->usage, why) &&
         orc_body_bool(options, "continuous_usage_stats", &a->usage_in_each, why);
}

/* Numbers that change nothing here, but that vLLM refuses out of their range. */
static bool check_sampling(const cJSON *json, orc_refusal *why)
{
  static const struct {
    const char *field;
    double low, high;
    bool open;
    const char *says;
  } ranges[] = {
    { "temperature", 0.0, 1e9, false, "temperature must be non-negative, got %g." },
    { "top_p", 0.0, 1.0, true, "top_p must be in (0, 1], got %g." },
    { "min_p", 0.0, 1.0, false, "min_p must be in [0, 1], got %g." },
    { "presence_penalty", -2.0, 2.0, false, "presence_penalty must be in [-2, 2], got %g." },
    { "frequency_penalty", -2.0, 2.0, false, "frequency_penalty must be in [-2, 2], got %g." },
    { "repetition_penalty", 0.0, 1e9, true,
      "repetition_penalty must be greater than zero, got %g." },
  };
  for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
    double v = 1.0;
    char said[160];
    if (!orc_body_number(json, ranges[i].field, &v, why)) return false;
    if (v >= ranges[i].low && v <= ranges[i].high && !(ranges[i].open && v == ranges[i].low))
      continue;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(said, sizeof said, ranges[i].says, v);
#pragma GCC diagnostic pop
    return orc_refuse(why, 400, BAD, "%s", said);
  }
  return true;
}

static bool check_lengths(const orc_ask *a, int64_t n, int choices, orc_refusal *why)
{
  if (n < 1) return orc_refuse(why, 400, BAD, "n must be at least 1, got %lld.", (long long)n);
  if (n > choices / (a->prompt_count > 0 ? a->prompt_count : 1))
    return orc_refuse(why, 400, BAD, "a request may have at most %d answers", choices);
  if (a->min_tokens < 0)
    return orc_refuse(why, 400, BAD, "min_tokens must be greater than or equal to 0, got %lld.",
                      (long long)a->min_tokens);
  if (a->max_tokens != ORC_ASK_OPEN && a->min_tokens > a->max_tokens)
    return orc_refuse(why, 400, BAD,
                      "min_tokens must be less than or equal to max_tokens=%lld, got %lld.",
                      (long long)a->max_tokens, (long long)a->min_tokens);
  return true;
}

/* max_tokens; of a chat rather max_completion_tokens. What is open stays so; 0 is none of a chat's. */
static bool read_most(orc_ask *a, const cJSON *json, orc_refusal *why)
{
  a->max_tokens = INT64_MIN;
  if (!orc_body_whole(json, "max_tokens", &a->max_tokens, why) ||
      (a->chat && !orc_body_whole(json, "max_completion_tokens", &a->max_tokens, why)))
    return false;
  if (a->max_tokens == INT64_MIN)
    a->max_tokens = ORC_ASK_OPEN;
  else if (a->max_tokens < 1)
    return orc_refuse(why, 400, BAD, "max_tokens must be at least 1, got %lld.",
                      (long long)a->max_tokens);
  return true;
}

static bool read_all(orc_ask *a, const cJSON *json, int choices, orc_refusal *why)
{
  int64_t n = 1, priority = 0;
  char *salt = NULL;
  const bool good =
      orc_body_text(json, "model", &a->model, why) && orc_body_text(json, "user", &a->user, why) &&
      orc_body_text(json, "cache_salt", &salt, why) && orc_body_whole(json, "n", &n, why) &&
      orc_body_whole(json, "priority", &priority, why) && read_most(a, json, why) &&
      orc_body_whole(json, "min_tokens", &a->min_tokens, why) &&
      orc_body_bool(json, "ignore_eos", &a->ignore_eos, why) &&
      orc_body_bool(json, "echo", &a->echo, why) && read_stream(a, json, why) &&
      read_stops(a, json, why) && check_sampling(json, why) &&
      (a->chat ? read_messages(a, json, why) : read_prompts(a, json, choices, why)) &&
      check_lengths(a, n, choices, why);
  for (const char *c = salt != NULL ? salt : ""; *c != '\0'; c++)
    a->salt = orc_prompt_text(SALT, a->salt, (unsigned char)*c);
  free(salt);
  if (!good) return false;
  if (priority < INT32_MIN || priority > INT32_MAX)
    return orc_body_wrong(why, "priority", "int_parsing_size", "Input should be a valid integer");
  a->n = (int32_t)n;
  a->priority = (int32_t)priority;
  return true;
}

bool orc_ask_read(orc_ask *a, const char *body, size_t length, bool chat, int choices,
                  orc_refusal *why)
{
  *a = (orc_ask){ .chat = chat };
  cJSON *json = orc_body_parse(body, length, why);
  if (json == NULL) return false;
  const bool good = read_all(a, json, choices, why);
  cJSON_Delete(json);
  return good;
}

bool orc_ask_tokenize(orc_ask *a, const char *body, size_t length, orc_refusal *why)
{
  *a = (orc_ask){ 0 };
  cJSON *json = orc_body_parse(body, length, why);
  if (json == NULL) return false;
  const cJSON *prompt = orc_body_field(json, "prompt");
  bool good = orc_body_text(json, "model", &a->model, why);
  if (good && cJSON_IsString(prompt))
    orc_tokens_text(add_prompt(a), prompt->valuestring, strlen(prompt->valuestring));
  else if (good)
    good = prompt != NULL ? no_prompt(why) : read_messages(a, json, why);
  cJSON_Delete(json);
  return good;
}

bool orc_ask_detokenize(orc_ask *a, const char *body, size_t length, orc_refusal *why)
{
  *a = (orc_ask){ 0 };
  cJSON *json = orc_body_parse(body, length, why);
  if (json == NULL) return false;
  const cJSON *list = orc_body_field(json, "tokens");
  const bool good =
      orc_body_text(json, "model", &a->model, why) &&
      (cJSON_IsArray(list) ? read_ids(add_prompt(a), list, "tokens", why)
                           : orc_body_wrong(why, "tokens", "missing", "Field required"));
  cJSON_Delete(json);
  return good;
}
