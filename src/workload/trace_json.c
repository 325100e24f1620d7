#include "workload/trace_json.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MOST = 64, NUMBER_MOST = 64 };

static bool fail(const orc_trace *t, int got, const char *expected, orc_error *e)
{
  if (e->code != 0) return false; /* the file could not be read: that is said already */
  if (got < 0)
    return orc_fail(e, "%s: line %" PRIu64 ": the file ends where %s was expected", t->path,
                    t->line + 1, expected);
  return orc_fail(e, "%s: line %" PRIu64 ": %s expected, got '%c'", t->path, t->line + 1, expected,
                  got >= ' ' && got <= '~' ? got : '?');
}

int orc_json_peek(orc_trace *t, orc_error *e)
{
  for (;;) {
    const int c = orc_trace_peek(t, e);
    if (c != ' ' && c != '\t' && c != '\r' && c != '\n') return c;
    orc_trace_take(t);
  }
}

bool orc_json_take(orc_trace *t, int c, orc_error *e)
{
  const char expected[] = { '\'', (char)c, '\'', '\0' };
  const int got = orc_json_peek(t, e);
  if (got != c) return fail(t, got, expected, e);
  orc_trace_take(t);
  return true;
}

bool orc_json_more(orc_trace *t, bool *first, char close, orc_error *e)
{
  const int c = orc_json_peek(t, e);
  if (c == close) {
    orc_trace_take(t);
    return false;
  }
  if (*first) {
    *first = false;
    return c >= 0 || fail(t, c, close == '}' ? "'}'" : "']'", e);
  }
  if (c != ',') return fail(t, c, close == '}' ? "',' or '}'" : "',' or ']'", e);
  orc_trace_take(t);
  if (orc_json_peek(t, e) == close) return fail(t, close, "a value after ','", e);
  return true;
}

/* Four hexadecimal digits behind \u. */
static bool take_code(orc_trace *t, uint32_t *code, orc_error *e)
{
  *code = 0;
  for (int i = 0; i < 4; i++) {
    const int c = orc_trace_peek(t, e);
    const int low = c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
    const int digit = c >= '0' && c <= '9' ? c - '0' : low;
    if (digit < 0) return fail(t, c, "four hexadecimal digits after \\u", e);
    *code = 16 * *code + (uint32_t)digit;
    orc_trace_take(t);
  }
  return true;
}

/* What an escape stands for; a surrogate's second half adds no character of its own. */
static bool take_escape(orc_trace *t, char *out, bool *counts, orc_error *e)
{
  static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
  const int c = orc_trace_peek(t, e);
  *counts = true;
  if (c == 'u') {
    uint32_t code;
    orc_trace_take(t);
    if (!take_code(t, &code, e)) return false;
    *counts = code < 0xdc00 || code > 0xdfff;
    *out = (char)(code < 128 ? code : '?');
    return true;
  }
  const char *at = c > 0 ? strchr(names, c) : NULL;
  if (at == NULL) return fail(t, c, "an escape such as \\n", e);
  *out = values[at - names];
  orc_trace_take(t);
  return true;
}

bool orc_json_string(orc_trace *t, char *into, size_t room, int64_t *characters, orc_error *e)
{
  size_t n = 0;
  int64_t counted = 0;
  if (!orc_json_take(t, '"', e)) return false;
  for (;;) {
    const int c = orc_trace_peek(t, e);
    if (c < ' ') return fail(t, c, "the end of a string", e);
    orc_trace_take(t);
    if (c == '"') break;
    char byte = (char)c;
    bool counts = (c & 0xc0) != 0x80; /* bytes that continue a character of UTF-8 are not counted */
    if (c == '\\' && !take_escape(t, &byte, &counts, e)) return false;
    counted += counts;
    if (n + 1 < room) into[n++] = byte;
  }
  if (room > 0) into[n] = '\0';
  if (characters != NULL) *characters = counted;
  return true;
}

bool orc_json_key(orc_trace *t, char *into, size_t room, orc_error *e)
{
  return orc_json_string(t, into, room, NULL, e) && orc_json_take(t, ':', e);
}

/* Bytes of a number or a word; what comes behind is left. */
static bool take_word(orc_trace *t, char *into, orc_error *e)
{
  int n = 0;
  for (;;) {
    const int c = orc_trace_peek(t, e);
    const bool part = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == 'E' || c == '+' ||
                      c == '-' || c == '.';
    if (!part) break;
    orc_trace_take(t);
    if (n + 1 < NUMBER_MOST) into[n++] = (char)c;
  }
  into[n] = '\0';
  return e->code == 0;
}

/* The grammar of RFC 8259, section 6; strtod alone reads more ("inf", "0x1", "+1", ".5"). */
static bool is_number(const char *s)
{
  s += *s == '-';
  if (*s == '0')
    s++;
  else if (*s >= '1' && *s <= '9')
    s += strspn(s, "0123456789");
  else
    return false;
  if (*s == '.') {
    if (strspn(++s, "0123456789") == 0) return false;
    s += strspn(s, "0123456789");
  }
  if (*s == 'e' || *s == 'E') {
    s++;
    s += *s == '+' || *s == '-';
    if (strspn(s, "0123456789") == 0) return false;
    s += strspn(s, "0123456789");
  }
  return *s == '\0';
}

/* A number from 0 to `most`, whole where it must be. */
static bool take_number(orc_trace *t, const char *field, double most, bool whole, double *out,
                        orc_error *e)
{
  char word[NUMBER_MOST] = "";
  const int c = orc_json_peek(t, e);
  const uint64_t line = t->line++; /* errors name the line being read */
  bool good = take_word(t, word, e);
  if (word[0] == '\0' && c > 0) word[0] = (char)c;
  const double v = good && is_number(word) ? strtod(word, NULL) : -1.0;
  good = good && v >= 0.0 && v <= most && (!whole || v == floor(v));
  if (!good && e->code == 0)
    orc_trace_bad(t, field, word, whole ? "a whole number" : "a number of at least 0", e);
  t->line = line;
  *out = good ? v : 0.0;
  return good;
}

bool orc_json_number(orc_trace *t, const char *field, double most, double *out, orc_error *e)
{
  return take_number(t, field, most, false, out, e);
}

bool orc_json_count(orc_trace *t, const char *field, int64_t most, int64_t *out, orc_error *e)
{
  double v;
  const bool good = take_number(t, field, (double)most, true, &v, e);
  *out = (int64_t)v;
  return good;
}

/* A word, a number or a string. */
static bool skip_plain(orc_trace *t, int c, orc_error *e)
{
  char word[NUMBER_MOST];
  if (c == '"') return orc_json_string(t, NULL, 0, NULL, e);
  if (!take_word(t, word, e)) return false;
  if (strcmp(word, "true") == 0 || strcmp(word, "false") == 0 || strcmp(word, "null") == 0 ||
      is_number(word))
    return true;
  return fail(t, c, "a JSON value", e);
}

bool orc_json_skip(orc_trace *t, orc_error *e)
{
  char close[DEPTH_MOST];
  bool first[DEPTH_MOST];
  int depth = 0;
  for (;;) {
    const int c = orc_json_peek(t, e);
    if (c == '{' || c == '[') {
      if (depth == DEPTH_MOST) return fail(t, c, "a value less deep", e);
      orc_trace_take(t);
      close[depth] = c == '{' ? '}' : ']';
      first[depth++] = true;
    } else if (!skip_plain(t, c, e)) {
      return false;
    }
    while (depth > 0 && !orc_json_more(t, &first[depth - 1], close[depth - 1], e)) {
      if (e->code != 0) return false;
      depth--;
    }
    if (depth == 0) return e->code == 0;
    if (close[depth - 1] == '}' && !orc_json_key(t, NULL, 0, e)) return false;
  }
}
