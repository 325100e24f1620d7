#include "serve/chunk.h"

#include <inttypes.h>
#include <string.h>

static void put_string(orc_text *t, const char *terminated)
{
  orc_text_json(t, terminated, strlen(terminated));
}

static void put_string_or_null(orc_text *t, const char *terminated)
{
  if (terminated != NULL)
    put_string(t, terminated);
  else
    orc_text_put(t, "null");
}

static void put_head(orc_text *t, const orc_reply_head *h, const char *object)
{
  orc_text_format(t, "{\"id\":\"%s\",\"object\":\"%s\",\"created\":%" PRId64 ",\"model\":", h->id,
                  object, h->created);
  put_string(t, h->model);
}

static void put_usage(orc_text *t, const orc_usage_report *u)
{
  orc_text_format(t,
                  ",\"usage\":{\"prompt_tokens\":%" PRId64 ",\"total_tokens\":%" PRId64
                  ",\"completion_tokens\":%" PRId64,
                  u->prompt, u->prompt + u->completion, u->completion);
  if (u->over) {
    orc_text_format(t,
                    ",\"prompt_tokens_details\":{\"cached_tokens\":%" PRId64
                    "},\"simulated\":{\"arrival_s\":%.9f",
                    u->cached, u->arrival);
    if (u->first_token >= 0.0) orc_text_format(t, ",\"first_token_s\":%.9f", u->first_token);
    orc_text_format(t, ",\"completion_s\":%.9f}", u->ended);
  }
  orc_text_put(t, "}");
}

/* ---- streams ---- */

static void begin_event(orc_text *t, const orc_reply_head *h)
{
  orc_text_put(t, "data: ");
  put_head(t, h, h->chat ? "chat.completion.chunk" : "text_completion");
  orc_text_put(t, ",\"choices\":[");
}

void orc_chunk_role(orc_text *t, const orc_reply_head *h, int index)
{
  begin_event(t, h);
  orc_text_format(t,
                  "{\"index\":%d,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},"
                  "\"logprobs\":null,\"finish_reason\":null}]}\n\n",
                  index);
}

void orc_chunk_before(orc_text *t, const orc_reply_head *h, int index)
{
  begin_event(t, h);
  orc_text_format(
      t, h->chat ? "{\"index\":%d,\"delta\":{\"content\":" : "{\"index\":%d,\"text\":", index);
}

void orc_chunk_after(orc_text *t, const orc_reply_head *h, const orc_piece *p,
                     const orc_usage_report *usage, double time)
{
  orc_text_json(t, p->text, p->length);
  orc_text_put(t, h->chat ? "},\"logprobs\":null,\"finish_reason\":"
                          : ",\"logprobs\":null,\"finish_reason\":");
  put_string_or_null(t, p->finish);
  orc_text_put(t, ",\"stop_reason\":");
  put_string_or_null(t, p->stop);
  orc_text_put(t, "}]");
  if (usage != NULL)
    put_usage(t, usage);
  else if (!h->chat)
    orc_text_put(t, ",\"usage\":null");
  if (time >= 0.0) orc_text_format(t, ",\"simulated_s\":%.9f", time);
  orc_text_put(t, "}\n\n");
}

void orc_chunk_usage(orc_text *t, const orc_reply_head *h, const orc_usage_report *usage)
{
  begin_event(t, h);
  orc_text_put(t, "]");
  put_usage(t, usage);
  orc_text_put(t, "}\n\n");
}

void orc_chunk_done(orc_text *t)
{
  orc_text_put(t, "data: [DONE]\n\n");
}

/* ---- whole answers ---- */

void orc_chunk_begin_whole(orc_text *t, const orc_reply_head *h)
{
  put_head(t, h, h->chat ? "chat.completion" : "text_completion");
  orc_text_put(t, ",\"choices\":[");
}

void orc_chunk_add_whole(orc_text *t, const orc_reply_head *h, const orc_piece *p)
{
  orc_text_format(t, "%s{\"index\":%d,", p->index > 0 ? "," : "", p->index);
  orc_text_put(t, h->chat ? "\"message\":{\"role\":\"assistant\",\"content\":" : "\"text\":");
  orc_text_json(t, p->text, p->length);
  if (h->chat) orc_text_put(t, ",\"refusal\":null,\"tool_calls\":[]}");
  orc_text_put(t, ",\"logprobs\":null,\"finish_reason\":");
  put_string_or_null(t, p->finish);
  orc_text_put(t, ",\"stop_reason\":");
  put_string_or_null(t, p->stop);
  orc_text_put(t, h->chat ? "}" : ",\"prompt_logprobs\":null}");
}

void orc_chunk_end_whole(orc_text *t, const orc_reply_head *h, const orc_usage_report *usage)
{
  orc_text_put(t, "],\"service_tier\":null,\"system_fingerprint\":null");
  put_usage(t, usage);
  orc_text_put(t, h->chat ? ",\"prompt_logprobs\":null}" : "}");
}

void orc_chunk_error(orc_text *t, int status, const char *type, const char *message, size_t length)
{
  orc_text_put(t, "{\"error\":{\"message\":");
  orc_text_json(t, message, length);
  orc_text_put(t, ",\"type\":");
  put_string(t, type);
  orc_text_format(t, ",\"param\":null,\"code\":%d}}", status);
}
