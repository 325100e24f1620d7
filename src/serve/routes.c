#include "serve/routes.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "serve/ask.h"
#include "serve/chunk.h"
#include "serve/completion.h"
#include "serve/key.h"
#include "serve/live.h"

static const char JSON[] = "application/json";

/* ---- small answers ---- */

static void reply_text(orc_service *s, orc_connection *c, int status, const char *type)
{
  orc_connection_reply(c, status, type, "", s->scratch.at, s->scratch.length);
}

static void alive(orc_service *s, orc_connection *c, const orc_http_request *r)
{
  (void)s;
  (void)r;
  orc_connection_reply(c, 200, "", "", NULL, 0);
}

static bool any_ready(const orc_cluster *k)
{
  return k->lifecycle.ready_count > 0;
}

/* Whether to send it requests. */
static void ready(orc_service *s, orc_connection *c, const orc_http_request *r)
{
  (void)r;
  const bool yes = !s->draining && !s->asleep && any_ready(s->cluster);
  orc_connection_reply(c, yes ? 200 : 503, "", "", NULL, 0);
}

static void version(orc_service *s, orc_connection *c, const orc_http_request *r)
{
  (void)r;
  orc_text_put(&s->scratch, "{\"version\":");
  orc_text_json(&s->scratch, s->o.version, strlen(s->o.version));
  orc_text_put(&s->scratch, "}");
  reply_text(s, c, 200, JSON);
}

static void load(orc_service *s, orc_connection *c, const orc_http_request *r)
{
  (void)r;
  orc_text_format(&s->scratch, "{\"server_load\":%d}", s->under_way);
  reply_text(s, c, 200, JSON);
}

static void put_model(orc_service *s, orc_text *t)
{
  const int64_t now = (int64_t)time(NULL);
  const size_t length = strlen(s->o.model);
  orc_text_put(t, "{\"id\":");
  orc_text_json(t, s->o.model, length);
  orc_text_format(
      t, ",\"object\":\"model\",\"created\":%" PRId64 ",\"owned_by\":\"vllm\",\"root\":", now);
  orc_text_json(t, s->o.model, length);
  orc_text_format(t,
                  ",\"parent\":null,\"max_model_len\":%d,\"permission\":[{\"id\":\"modelperm-0\","
                  "\"object\":\"model_permission\",\"created\":%" PRId64
                  ",\"allow_create_engine\":false,\"allow_sampling\":true,\"allow_logprobs\":true,"
                  "\"allow_search_indices\":false,\"allow_view\":true,\"allow_fine_tuning\":false,"
                  "\"organization\":\"*\",\"group\":null,\"is_blocking\":false}]}",
                  s->o.max_model_len, now);
}

static void models(orc_service *s, orc_connection *c, const orc_http_request *r)
{
  (void)r;
  orc_text_put(&s->scratch, "{\"object\":\"list\",\"data\":[");
  put_model(s, &s->scratch);
  orc_text_put(&s->scratch, "]}");
  reply_text(s, c, 200, JSON);
}

static void metrics(orc_service *s, orc_connection *c, const orc_http_request *r)
{
  (void)r;
  orc_metrics_board_text(s->metrics, s->cluster, s->o.model, &s->scratch);
  reply_text(s, c, 200, "text/plain; version=0.0.4; charset=utf-8");
}

static void page(orc_service *s, orc_connection *c, const orc_http_request *r)
{
  (void)r;
  /* What it shows comes from here alone, and nothing else may put it into a page of its own. */
  orc_connection_reply(c, 200, "text/html; charset=utf-8",
                       "cache-control: no-store\r\nx-frame-options: DENY\r\n"
                       "x-content-type-options: nosniff\r\n"
                       "content-security-policy: default-src 'none'; script-src 'unsafe-inline'; "
                       "style-src 'unsafe-inline'; img-src data:; connect-src 'self'\r\n",
                       s->o.page, strlen(s->o.page));
}

static void live(orc_service *s, orc_connection *c, const orc_http_request *r)
{
  (void)r;
  orc_live_text(s, &s->scratch);
  orc_connection_reply(c, 200, JSON, "cache-control: no-store\r\n", s->scratch.at,
                       s->scratch.length);
}

/* ---- tokens ---- */

static void refused(orc_service *s, orc_connection *c, orc_refusal *why)
{
  orc_text_bytes(&why->message, "", 1);
  orc_service_refuse(s, c, why->status, why->type, why->message.at);
}

static void tokenize(orc_service *s, orc_connection *c, const orc_http_request *r)
{
  orc_ask ask = { 0 };
  orc_refusal why = { 0 };
  if (orc_ask_tokenize(&ask, r->body, r->body_length, &why) &&
      orc_completion_model(s, ask.model, &why)) {
    const orc_tokens *t = &ask.prompts[0];
    orc_text_format(&s->scratch, "{\"count\":%d,\"max_model_len\":%d,\"tokens\":[", t->count,
                    s->o.max_model_len);
    for (int32_t i = 0; i < t->count; i++)
      orc_text_format(&s->scratch, "%s%" PRIu32, i > 0 ? "," : "", t->at[i]);
    orc_text_put(&s->scratch, "],\"token_strs\":null}");
    reply_text(s, c, 200, JSON);
  } else {
    refused(s, c, &why);
  }
  orc_refusal_done(&why);
  orc_ask_done(&ask);
}

static void detokenize(orc_service *s, orc_connection *c, const orc_http_request *r)
{
  orc_ask ask = { 0 };
  orc_refusal why = { 0 };
  orc_text text = { 0 };
  if (orc_ask_detokenize(&ask, r->body, r->body_length, &why) &&
      orc_completion_model(s, ask.model, &why)) {
    for (int32_t i = 0; i < ask.prompts[0].count; i++)
      orc_tokens_spell(&text, ask.prompts[0].at[i]);
    orc_text_put(&s->scratch, "{\"prompt\":");
    orc_text_json(&s->scratch, text.at != NULL ? text.at : "", text.length);
    orc_text_put(&s->scratch, "}");
    reply_text(s, c, 200, JSON);
  } else {
    refused(s, c, &why);
  }
  orc_text_done(&text);
  orc_refusal_done(&why);
  orc_ask_done(&ask);
}

static void complete(orc_service *s, orc_connection *c, const orc_http_request *r)
{
  orc_completion_begin(s, c, r, false);
}

static void chat(orc_service *s, orc_connection *c, const orc_http_request *r)
{
  orc_completion_begin(s, c, r, true);
}

/* ---- orders ---- */

/* Whether a page of another site sends it, by the browser of someone who may. */
static bool is_foreign(const orc_http_request *r)
{
  const char *site = strstr(r->origin, "://");
  return r->origin[0] != '\0' && (site == NULL || strcmp(site + 3, r->host) != 0);
}

static void order(orc_service *s, orc_connection *c, const orc_http_request *r)
{
  const char *type = JSON;
  if (is_foreign(r)) {
    orc_service_refuse(s, c, 403, "Forbidden", "Orders of other sites' pages are not taken.");
    return;
  }
  const char *name = strrchr(r->path, '/') + 1;
  const int status = s->host.order(s->host.self, name, r->query, &s->scratch, &type);
  orc_connection_reply(c, status, type, "", s->scratch.at, s->scratch.length);
}

/* A path or a method that there is not: as FastAPI's router, which vLLM's server has, says so. */
static void not_routed(orc_service *s, orc_connection *c, int status)
{
  s->counts.refused++;
  orc_text_format(&s->scratch, "{\"detail\":\"%s\"}", orc_http_reason(status));
  reply_text(s, c, status, JSON);
}

/* ---- the table ---- */

enum {
  GET = 1,
  POST = 2,
  KEYED = 4, /* with the key, where there is one */
  BODY = 8,  /* of JSON */
  ADMIN = 16 /* where orders are taken */
};

typedef struct route {
  const char *path;
  unsigned how;
  void (*answer)(orc_service *s, orc_connection *c, const orc_http_request *r);
} route;

static const route routes[] = {
  { "/v1/completions", POST | KEYED | BODY, complete },
  { "/v1/chat/completions", POST | KEYED | BODY, chat },
  { "/v1/models", GET | KEYED, models },
  { "/tokenize", POST | BODY, tokenize },
  { "/detokenize", POST | BODY, detokenize },
  { "/health", GET, alive },
  { "/ping", GET | POST, alive },
  { "/livez", GET, alive },
  { "/readyz", GET, ready },
  { "/version", GET, version },
  { "/load", GET, load },
  { "/metrics", GET, metrics },
  { "/reset_prefix_cache", POST, order },
  { "/is_sleeping", GET, order },
  { "/", GET, page },
  { "/live.json", GET, live },
  { "/scale", POST | KEYED | ADMIN, order },
  { "/sleep", POST | KEYED | ADMIN, order },
  { "/wake_up", POST | KEYED | ADMIN, order },
  { "/admin/fail", POST | KEYED | ADMIN, order },
  { "/admin/drain", POST | KEYED | ADMIN, order },
  { "/admin/restore", POST | KEYED | ADMIN, order },
  { "/admin/set", POST | KEYED | ADMIN, order },
  { "/admin/reload", POST | KEYED | ADMIN, order },
  { "/admin/knobs", GET | KEYED | ADMIN, order },
};

static const route *route_of(const orc_service *s, const char *path)
{
  for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
    if (strcmp(routes[i].path, path) == 0)
      return (routes[i].how & ADMIN) == 0 || s->o.admin ? &routes[i] : NULL;
  return NULL;
}

static bool is_json(const char *type)
{
  return strncasecmp(type, JSON, sizeof JSON - 1) == 0 &&
         (type[sizeof JSON - 1] == '\0' || strchr("; \t", type[sizeof JSON - 1]) != NULL);
}

/* A model by its name, which may have slashes. */
static bool is_model(const orc_service *s, const orc_http_request *r)
{
  static const char models_at[] = "/v1/models/";
  return strncmp(r->path, models_at, sizeof models_at - 1) == 0 &&
         strcmp(r->path + sizeof models_at - 1, s->o.model) == 0;
}

void orc_routes_answer(orc_service *s, orc_connection *c, const orc_http_request *r)
{
  const bool by_name = is_model(s, r);
  const route *to = route_of(s, by_name ? "/v1/models" : r->path);
  const bool get = strcmp(r->method, "GET") == 0, post = strcmp(r->method, "POST") == 0;
  orc_text_clear(&s->scratch);
  /* As in vLLM nothing below /v1 is told to who has no key, not even whether it is there. */
  if ((to != NULL ? (to->how & KEYED) != 0 : strncmp(r->path, "/v1", 3) == 0) &&
      !orc_key_allows(s->o.api_key, r->authorization)) {
    s->counts.refused++;
    orc_text_put(&s->scratch, "{\"error\":\"Unauthorized\"}");
    reply_text(s, c, 401, JSON);
  } else if (to == NULL) {
    not_routed(s, c, 404);
  } else if (!(get && (to->how & GET)) && !(post && (to->how & POST))) {
    not_routed(s, c, 405);
  } else if ((to->how & BODY) && !is_json(r->content_type)) {
    orc_service_refuse(s, c, 415, "Unsupported Media Type",
                       "Unsupported Media Type: Only 'application/json' is allowed");
  } else if (by_name) {
    put_model(s, &s->scratch);
    reply_text(s, c, 200, JSON);
  } else {
    to->answer(s, c, r);
  }
}
