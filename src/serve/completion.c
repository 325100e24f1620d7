#include "serve/completion.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/rng.h"
#include "serve/chunk.h"

typedef struct choice {
  orc_feed_id id;       /* 0: it has ended */
  uint64_t key;         /* of its answer (tokens.h) */
  int32_t prompt;       /* index of what was asked */
  int32_t output, most; /* tokens it will have; that it could have */
  int64_t visible;      /* bytes of its text, without a stop string; INT64_MAX: all */
  const char *stop;     /* the one that ends it; NULL */
  orc_text before;      /* what the events of its stream begin with */
  int32_t told;         /* tokens written */
  bool started;
  orc_feed_end end;
} choice;

struct orc_completion {
  orc_service *of;
  orc_connection *connection; /* NULL: its client is gone */
  orc_completion *next, *previous, *next_fresh, *next_left;
  orc_ask ask;
  char id[48];
  int64_t created;
  choice *choices; /* [count] */
  int count, open; /* open: not ended */
  bool begun, times, fresh;
};

static orc_reply_head head_of(const orc_completion *k)
{
  return (orc_reply_head){
    .chat = k->ask.chat, .id = k->id, .created = k->created, .model = k->of->o.model
  };
}

static double seconds(orc_time t)
{
  return (double)t * 1e-9;
}

static void fail_with(orc_completion *k, int status, const char *type, const char *message);
static void give_up(orc_completion *k);

/* ---- how long ---- */

/* Where `stop` begins in the text, of those that end in its last token; -1: none does. Most differ in their
** first bytes, so that a long one costs no more than a short one. */
static int64_t stop_at(const orc_text *text, const char *stop, size_t length)
{
  for (size_t end = text->length - ORC_TOKEN_BYTES + 1; end <= text->length; end++)
    if (length <= end && text->at[end - 1] == stop[length - 1] &&
        memcmp(text->at + end - length, stop, length) == 0)
      return (int64_t)(end - length);
  return -1;
}

/* Whether one of the last token's bytes is the last of a stop string: for most it is not. */
static bool may_stop(const orc_text *text, const bool lasts[256])
{
  const unsigned char *token = (const unsigned char *)text->at + text->length - ORC_TOKEN_BYTES;
  bool may = false;
  for (int i = 0; i < ORC_TOKEN_BYTES; i++)
    may = may || lasts[token[i]];
  return may;
}

/* The answer's tokens up to where a stop string is whole; c->visible: bytes before it. */
static int32_t find_stop(const orc_ask *a, choice *c)
{
  size_t lengths[ORC_LIMIT_STOPS];
  bool lasts[256] = { false };
  orc_text text = { 0 };
  int32_t end = c->output;
  for (int k = 0; k < a->stop_count; k++) {
    lengths[k] = strlen(a->stops[k]);
    lasts[(unsigned char)a->stops[k][lengths[k] - 1]] = true;
  }
  for (int32_t i = 0; i < c->output && c->stop == NULL; i++) {
    orc_tokens_spell(&text, orc_tokens_answer(c->key, i));
    if (i < a->min_tokens || !may_stop(&text, lasts)) continue;
    for (int k = 0; k < a->stop_count && c->stop == NULL; k++) {
      const int64_t at = stop_at(&text, a->stops[k], lengths[k]);
      if (at < 0) continue;
      c->stop = a->stops[k];
      c->visible = at;
      end = i + 1;
    }
  }
  orc_text_done(&text);
  return end;
}

/* How many tokens of `most` its answer has: as many as are asked for, else as the scenario says. */
static int32_t length_of(const orc_service *s, const orc_ask *a, uint64_t key, int32_t most)
{
  if (a->max_tokens != ORC_ASK_OPEN || a->ignore_eos || s->o.output == NULL) return most;
  orc_rng rng = orc_rng_stream(s->o.seed, ORC_FOR_ANSWERS, key);
  const int drawn = orc_dist_count(s->o.output, &rng, 0, 1);
  const int64_t least = a->min_tokens < most ? a->min_tokens : most;
  if (drawn < least) return (int32_t)least;
  return drawn < most ? (int32_t)drawn : most;
}

static bool fits(const orc_service *s, const orc_ask *a, int32_t prompt, orc_refusal *why)
{
  const int64_t room = (int64_t)s->o.max_model_len - prompt;
  if (room < 1)
    return orc_refuse(why, 400, "BadRequestError",
                      "This model's maximum context length is %d tokens. However, your request has "
                      "%d input tokens. Please reduce the length of the input messages.",
                      s->o.max_model_len, prompt);
  if (a->max_tokens != ORC_ASK_OPEN && a->max_tokens > room)
    return orc_refuse(why, 400, "BadRequestError",
                      "'max_tokens' or 'max_completion_tokens' is too large: %" PRId64
                      ". This model's maximum context length is %d tokens and your request has %d "
                      "input tokens (%" PRId64 " > %d - %d).",
                      a->max_tokens, s->o.max_model_len, prompt, a->max_tokens, s->o.max_model_len,
                      prompt);
  if (a->min_tokens > room)
    return orc_refuse(why, 400, "BadRequestError",
                      "min_tokens must be less than or equal to max_tokens=%" PRId64
                      ", got %" PRId64 ".",
                      room, a->min_tokens);
  return true;
}

/* ---- the beginning ---- */

bool orc_completion_model(const orc_service *s, const char *model, orc_refusal *why)
{
  if (model == NULL || model[0] == '\0' || strcmp(model, s->o.model) == 0) return true;
  return orc_refuse(why, 404, "NotFoundError", "The model `%.200s` does not exist.", model);
}

static uint32_t client_of(const orc_ask *a)
{
  uint64_t client = 0;
  for (const char *c = a->user != NULL ? a->user : ""; *c != '\0'; c++)
    client = orc_prompt_text(0, client, (unsigned char)*c);
  return (uint32_t)client;
}

static void plan_choice(orc_completion *k, int i)
{
  const orc_ask *a = &k->ask;
  choice *c = &k->choices[i];
  c->prompt = i / a->n;
  const orc_tokens *prompt = &a->prompts[c->prompt];
  c->key = orc_prompt_text(0, orc_tokens_key(prompt, k->of->o.seed), (uint64_t)(i % a->n));
  const int32_t room = k->of->o.max_model_len - prompt->count;
  c->most = a->max_tokens != ORC_ASK_OPEN ? (int32_t)a->max_tokens : room;
  c->output = length_of(k->of, a, c->key, c->most);
  c->visible = INT64_MAX;
  if (a->stop_count > 0) c->output = find_stop(a, c);
}

static bool send_choice(orc_completion *k, int i, orc_time now)
{
  const orc_ask *a = &k->ask;
  choice *c = &k->choices[i];
  orc_service *s = k->of;
  const orc_tokens *prompt = &a->prompts[c->prompt];
  const orc_arrival in = {
    .time = now,
    .prompt = prompt->count,
    .output = c->output,
    .max_output = c->most,
    .client = client_of(a),
    .stops = c->output < c->most,
    .streamed = a->stream,
    .priority = a->priority,
    .prompt_id =
        orc_tokens_prompt(prompt, orc_feed_prompts(s->feed), c->key, c->output, s->block, a->salt),
  };
  c->id = orc_feed_send(s->feed, &in, k, i);
  return c->id != 0;
}

static void free_completion(orc_completion *k)
{
  orc_service *s = k->of;
  if (k->previous != NULL)
    k->previous->next = k->next;
  else
    s->first = k->next;
  if (k->next != NULL) k->next->previous = k->previous;
  for (orc_completion **f = &s->fresh; k->fresh && *f != NULL; f = &(*f)->next_fresh)
    if (*f == k) {
      *f = k->next_fresh;
      break;
    }
  s->under_way--;
  for (int i = 0; i < k->count; i++)
    orc_text_done(&k->choices[i].before);
  orc_ask_done(&k->ask);
  free(k->choices);
  free(k);
}

static orc_completion *new_completion(orc_service *s, orc_connection *c, orc_ask *a, bool times)
{
  orc_completion *k = orc_alloc(1, sizeof *k);
  *k = (orc_completion){ .of = s, .connection = c, .ask = *a, .times = times };
  *a = (orc_ask){ 0 };
  k->created = (int64_t)time(NULL);
  k->count = k->open = k->ask.prompt_count * k->ask.n;
  k->choices = orc_alloc((size_t)k->count, sizeof *k->choices);
  const uint64_t serial = ++s->serial;
  snprintf(k->id, sizeof k->id, "%s-%016" PRIx64 "%016" PRIx64, k->ask.chat ? "chatcmpl" : "cmpl",
           orc_prompt_text(1, s->o.seed, serial), orc_prompt_text(2, s->o.seed, serial));
  k->next = s->first;
  if (k->next != NULL) k->next->previous = k;
  s->first = k;
  s->under_way++;
  return k;
}

static bool may_begin(const orc_service *s, const orc_ask *a, orc_refusal *why)
{
  if (!orc_completion_model(s, a->model, why)) return false;
  for (int i = 0; i < a->prompt_count; i++)
    if (!fits(s, a, a->prompts[i].count, why)) return false;
  if (s->draining || s->asleep)
    return orc_refuse(why, 503, "ServiceUnavailableError", "%s",
                      s->draining ? "The server is shutting down." : "The server is asleep.");
  if (s->under_way >= s->o.limits.streams)
    return orc_refuse(why, 503, "ServiceUnavailableError",
                      "The server has %d requests under way, as many as it takes.", s->under_way);
  return true;
}

void orc_completion_begin(orc_service *s, orc_connection *c, const orc_http_request *r, bool chat)
{
  orc_ask ask = { 0 };
  orc_refusal why = { 0 };
  if (!orc_ask_read(&ask, r->body, r->body_length, chat, s->o.limits.choices, &why) ||
      !may_begin(s, &ask, &why)) {
    orc_text_bytes(&why.message, "", 1);
    orc_service_refuse(s, c, why.status, why.type, why.message.at);
    orc_refusal_done(&why);
    orc_ask_done(&ask);
    return;
  }
  orc_completion *k = new_completion(s, c, &ask, r->times);
  const orc_time now = orc_service_now(s);
  orc_connection_answering(c, k);
  s->counts.requests++;
  k->fresh = k->ask.stream;
  if (k->fresh) {
    k->next_fresh = s->fresh;
    s->fresh = k;
  }
  bool good = true;
  for (int i = 0; i < k->count; i++) {
    plan_choice(k, i);
    good = send_choice(k, i, now) && good;
  }
  if (good) return;
  orc_connection_answering(c, NULL);
  fail_with(k, 503, "ServiceUnavailableError", "The simulation takes no more requests.");
  give_up(k);
}

/* ---- the answer ---- */

static orc_usage_report usage_of(const orc_completion *k)
{
  orc_usage_report u = { .first_token = -1.0, .over = k->open == 0 };
  for (int i = 0; i < k->ask.prompt_count; i++)
    u.prompt += k->ask.prompts[i].count;
  for (int i = 0; i < k->count; i++) {
    const choice *c = &k->choices[i];
    u.completion += c->id == 0 ? c->end.generated : c->told;
    if (i % k->ask.n == 0) u.cached += c->end.cached;
    if (i == 0 || seconds(c->end.arrival) < u.arrival) u.arrival = seconds(c->end.arrival);
    if (seconds(c->end.ended) > u.ended) u.ended = seconds(c->end.ended);
    if (c->end.first_token >= 0 &&
        (u.first_token < 0.0 || seconds(c->end.first_token) < u.first_token))
      u.first_token = seconds(c->end.first_token);
  }
  return u;
}

/* The text of tokens [first, end) of an answer, as far as it is seen. */
static void spell(orc_text *into, const choice *c, int32_t first, int32_t end)
{
  const int64_t from = (int64_t)first * ORC_TOKEN_BYTES;
  const size_t before = into->length;
  for (int32_t i = first; i < end; i++)
    orc_tokens_spell(into, orc_tokens_answer(c->key, i));
  const int64_t room = c->visible > from ? c->visible - from : 0;
  if ((int64_t)(into->length - before) > room) into->length = before + (size_t)room;
}

static const char *finish_of(const choice *c)
{
  return c->output < c->most || c->stop != NULL ? "stop" : "length";
}

static void begin_stream(orc_completion *k)
{
  char more[96];
  if (k->begun || k->connection == NULL) return;
  k->begun = true;
  snprintf(more, sizeof more, "cache-control: no-cache\r\nx-oracle-time: %.9f\r\n",
           seconds(orc_service_now(k->of)));
  orc_connection_begin(k->connection, 200, "text/event-stream; charset=utf-8", more);
}

void orc_completion_tokens(orc_completion *k, int place, int32_t first, int32_t count, orc_time due)
{
  orc_service *s = k->of;
  choice *c = &k->choices[place];
  orc_text *text = &s->spelled;
  c->told = first + count;
  if (!k->ask.stream || k->connection == NULL) return;
  begin_stream(k);
  if (k->connection == NULL) return;
  const orc_reply_head head = head_of(k);
  orc_text *out = &s->scratch;
  orc_text_clear(out);
  orc_text_clear(text);
  if (!c->started && k->ask.chat) orc_chunk_role(out, &head, place);
  if (!c->started && k->ask.echo && !k->ask.chat)
    for (int32_t i = 0; i < k->ask.prompts[c->prompt].count; i++)
      orc_tokens_spell(text, k->ask.prompts[c->prompt].at[i]);
  c->started = true;
  spell(text, c, first, first + count);
  const bool last = first + count >= c->output;
  const orc_piece piece = { .index = place,
                            .text = text->at,
                            .length = text->length,
                            .finish = last ? finish_of(c) : NULL,
                            .stop = last ? c->stop : NULL };
  orc_usage_report usage;
  if (k->ask.usage_in_each) usage = usage_of(k);
  if (c->before.length == 0) orc_chunk_before(&c->before, &head, place);
  orc_text_bytes(out, c->before.at, c->before.length);
  orc_chunk_after(out, &head, &piece, k->ask.usage_in_each ? &usage : NULL,
                  k->times ? seconds(due) : -1.0);
  s->counts.tokens += (uint64_t)count;
  s->counts.chunks++;
  orc_connection_chunk(k->connection, out->at, out->length);
}

/* ---- the end ---- */

static void end_stream(orc_completion *k)
{
  const orc_reply_head head = head_of(k);
  orc_text *out = &k->of->scratch;
  orc_text_clear(out);
  begin_stream(k);
  if (k->ask.usage) {
    const orc_usage_report usage = usage_of(k);
    orc_chunk_usage(out, &head, &usage);
  }
  orc_chunk_done(out);
  orc_connection_chunk(k->connection, out->at, out->length);
  orc_connection_end(k->connection);
}

static void reply_whole(orc_completion *k)
{
  const orc_reply_head head = head_of(k);
  const orc_usage_report usage = usage_of(k);
  orc_text *out = &k->of->scratch;
  char more[96];
  orc_text_clear(out);
  orc_chunk_begin_whole(out, &head);
  for (int i = 0; i < k->count; i++) {
    choice *c = &k->choices[i];
    orc_text text = { 0 };
    if (k->ask.echo && !k->ask.chat)
      for (int32_t t = 0; t < k->ask.prompts[c->prompt].count; t++)
        orc_tokens_spell(&text, k->ask.prompts[c->prompt].at[t]);
    spell(&text, c, 0, c->end.generated);
    orc_chunk_add_whole(out, &head,
                        &(orc_piece){ .index = i,
                                      .text = text.at,
                                      .length = text.length,
                                      .finish = finish_of(c),
                                      .stop = c->stop });
    orc_text_done(&text);
    k->of->counts.tokens += (uint64_t)c->end.generated;
  }
  orc_chunk_end_whole(out, &head, &usage);
  snprintf(more, sizeof more, "x-oracle-time: %.9f\r\n", usage.ended);
  orc_connection_reply(k->connection, 200, "application/json", more, out->at, out->length);
}

/* Of an end that is none of the answer's: the status and words for it. */
static void fail_with(orc_completion *k, int status, const char *type, const char *message)
{
  orc_service *s = k->of;
  orc_connection *c = k->connection;
  if (!k->begun) {
    orc_service_refuse(s, c, status, type, message);
    return;
  }
  orc_text_clear(&s->scratch);
  orc_text_put(&s->scratch, "data: ");
  orc_chunk_error(&s->scratch, status, type, message, strlen(message));
  orc_text_put(&s->scratch, "\n\n");
  orc_chunk_done(&s->scratch);
  orc_connection_chunk(c, s->scratch.at, s->scratch.length);
  orc_connection_end(c);
}

static void fail(orc_completion *k, orc_status status)
{
  switch (status) {
  case ORC_REJECTED:
    fail_with(k, 429, "TooManyRequestsError", "The request was not admitted.");
    break;
  case ORC_TIMEOUT:
    fail_with(k, 408, "TimeoutError", "The request took longer than its client waits.");
    break;
  default:
    fail_with(k, 500, "InternalServerError", "The request failed.");
  }
}

/* Those of its choices that are not over are cancelled, and it is no more. */
static void give_up(orc_completion *k)
{
  const orc_time now = orc_service_now(k->of);
  for (int i = 0; i < k->count; i++)
    if (k->choices[i].id != 0) orc_feed_cancel(k->of->feed, k->choices[i].id, now);
  free_completion(k);
}

void orc_completion_ended(orc_completion *k, int place, const orc_feed_end *end)
{
  choice *c = &k->choices[place];
  c->id = 0;
  c->end = *end;
  k->open--;
  if (k->connection == NULL || (end->status == ORC_SUCCESS && k->open > 0)) return;
  orc_connection *connection = k->connection;
  orc_connection_answering(connection, NULL);
  if (end->status != ORC_SUCCESS)
    fail(k, end->status);
  else if (k->ask.stream)
    end_stream(k);
  else
    reply_whole(k);
  give_up(k);
}

void orc_completion_gone(orc_completion *k)
{
  k->of->counts.aborted++;
  k->connection = NULL;
  k->next_left = k->of->left;
  k->of->left = k;
}

void orc_completion_reap(orc_service *s)
{
  while (s->left != NULL) {
    orc_completion *k = s->left;
    s->left = k->next_left;
    give_up(k);
  }
}

void orc_completion_begin_fresh(orc_service *s)
{
  orc_completion *list = s->fresh;
  s->fresh = NULL;
  for (orc_completion *k = list, *next; k != NULL; k = next) {
    next = k->next_fresh;
    k->fresh = !k->begun && k->choices[0].id != 0 && !orc_feed_arrived(s->feed, k->choices[0].id);
    if (!k->fresh) {
      begin_stream(k);
      continue;
    }
    k->next_fresh = s->fresh;
    s->fresh = k;
  }
}

void orc_completion_abort_all(orc_service *s)
{
  orc_completion_reap(s); /* what is left has a client */
  for (orc_completion *k = s->first, *next; k != NULL; k = next) {
    next = k->next;
    orc_connection *c = k->connection;
    orc_connection_answering(c, NULL);
    if (s->failure.code != 0)
      fail_with(k, 500, "InternalServerError", "The simulation has failed.");
    else
      fail_with(k, 503, "ServiceUnavailableError", "The server is shutting down.");
    orc_connection_drop(c);
    give_up(k);
  }
}
