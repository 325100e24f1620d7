#include "serve/request.h"

#include <string.h>
#include <strings.h>

#include "serve/limits.h"

static const char *const field_names[ORC_HTTP_FIELDS] = { "content-type", "authorization",
                                                          "expect",       "x-oracle-times",
                                                          "host",         "origin" };

void orc_request_begin(orc_request_reader *r)
{
  http_parser_init(&r->parser, HTTP_REQUEST);
  r->parser.data = r;
  orc_text_clear(&r->target);
  for (int i = 0; i < ORC_HTTP_FIELDS; i++)
    orc_text_clear(&r->values[i]);
  orc_text_done(&r->body); /* a large one would stay as long as the connection does */
  r->at = ORC_HTTP_FIELDS;
  r->in_value = r->begun = r->whole = r->closes = r->plain = r->expects = false;
  r->refused = 0;
}

void orc_request_done(orc_request_reader *r)
{
  orc_text_done(&r->target);
  orc_text_done(&r->name);
  for (int i = 0; i < ORC_HTTP_FIELDS; i++)
    orc_text_done(&r->values[i]);
  orc_text_done(&r->body);
}

static int on_target(http_parser *p, const char *at, size_t length)
{
  orc_request_reader *r = p->data;
  if (r->target.length + length > ORC_LIMIT_TARGET) r->refused = 414;
  if (r->refused == 0) orc_text_bytes(&r->target, at, length);
  return r->refused != 0;
}

static int on_field(http_parser *p, const char *at, size_t length)
{
  orc_request_reader *r = p->data;
  if (r->in_value) orc_text_clear(&r->name);
  r->in_value = false;
  orc_text_bytes(&r->name, at, length);
  return 0;
}

static int on_value(http_parser *p, const char *at, size_t length)
{
  orc_request_reader *r = p->data;
  if (!r->in_value) {
    r->at = ORC_HTTP_FIELDS;
    for (orc_http_field i = 0; i < ORC_HTTP_FIELDS; i++)
      if (strlen(field_names[i]) == r->name.length &&
          strncasecmp(field_names[i], r->name.at, r->name.length) == 0)
        r->at = i;
    if (r->at < ORC_HTTP_FIELDS) orc_text_clear(&r->values[r->at]);
  }
  r->in_value = true;
  if (r->at < ORC_HTTP_FIELDS) orc_text_bytes(&r->values[r->at], at, length);
  return 0;
}

/* A text, terminated. */
static const char *text_of(orc_text *t)
{
  orc_text_bytes(t, "", 1);
  t->length--;
  return t->at;
}

static int on_head(http_parser *p)
{
  orc_request_reader *r = p->data;
  r->plain = p->http_major == 1 && p->http_minor == 0;
  r->closes = !http_should_keep_alive(p);
  if (p->http_major != 1) r->refused = 505;
  if (p->method == HTTP_CONNECT) r->refused = 400;
  p->upgrade = 0; /* to another protocol: as a server may, it goes on in this one */
  if (p->content_length != UINT64_MAX && p->content_length > r->body_most) r->refused = 413;
  if (r->refused != 0) return -1;
  r->expects = strncasecmp(text_of(&r->values[ORC_HTTP_EXPECT]), "100-continue", 12) == 0;
  return 0;
}

static int on_body(http_parser *p, const char *at, size_t length)
{
  orc_request_reader *r = p->data;
  if (r->body.length + length > r->body_most) r->refused = 413;
  if (r->refused == 0) orc_text_bytes(&r->body, at, length);
  return r->refused != 0;
}

static int on_whole(http_parser *p)
{
  orc_request_reader *r = p->data;
  r->whole = true;
  http_parser_pause(p, 1);
  return 0;
}

static const http_parser_settings settings = { .on_url = on_target,
                                               .on_header_field = on_field,
                                               .on_header_value = on_value,
                                               .on_headers_complete = on_head,
                                               .on_body = on_body,
                                               .on_message_complete = on_whole };

size_t orc_request_take(orc_request_reader *r, const char *bytes, size_t length)
{
  r->begun = true;
  const size_t done = http_parser_execute(&r->parser, &settings, bytes, length);
  const enum http_errno why = HTTP_PARSER_ERRNO(&r->parser);
  if (why == HPE_PAUSED) return done;
  if (why == HPE_HEADER_OVERFLOW) r->refused = 431;
  if (r->refused == 0 && (why != HPE_OK || done != length)) r->refused = 400;
  return done;
}

orc_http_request orc_request_of(orc_request_reader *r)
{
  text_of(&r->target);
  char *query = strchr(r->target.at, '?');
  if (query != NULL) *query++ = '\0';
  return (orc_http_request){ .method = http_method_str((enum http_method)r->parser.method),
                             .path = r->target.at,
                             .query = query != NULL ? query : "",
                             .content_type = text_of(&r->values[ORC_HTTP_CONTENT_TYPE]),
                             .authorization = text_of(&r->values[ORC_HTTP_AUTHORIZATION]),
                             .times = r->values[ORC_HTTP_TIMES].length > 0,
                             .host = text_of(&r->values[ORC_HTTP_HOST]),
                             .origin = text_of(&r->values[ORC_HTTP_ORIGIN]),
                             .body = text_of(&r->body),
                             .body_length = r->body.length };
}

bool orc_request_is_head(const orc_request_reader *r)
{
  return r->refused == 0 && r->parser.method == HTTP_HEAD;
}
