/* trace_file.c - requests of production traces in CSV, told apart by their header lines. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "serve/trace_file.h"

enum { LINE_MOST = 1 << 16, COLUMNS_MOST = 64, FIELD_SHOWN = 40, TOKENS_MOST = 100000000 };

/* A format: what its columns of interest are called, and how its times are written. */
typedef struct format {
  const char *name, *time, *prompt, *output;
  bool calendar; /* "2023-11-16 18:15:46.6805900" instead of seconds */
} format;

static const format formats[] = {
  /* AzurePublicDataset, LLM inference traces 2023 and 2024 */
  { "Azure LLM", "TIMESTAMP", "ContextTokens", "GeneratedTokens", true },
  /* BurstGPT (Wang et al., KDD 2025), release 1.1 */
  { "BurstGPT", "Timestamp", "Request tokens", "Response tokens", false },
  /* Vidur (Agrawal et al., MLSys 2024), processed traces */
  { "Vidur", "arrived_at", "num_prefill_tokens", "num_decode_tokens", false },
  /* splitwise-sim (Patel et al., ISCA 2024) */
  { "Splitwise", "arrival_timestamp", "prompt_size", "token_size", false },
};

typedef struct trace {
  gzFile file;
  char *path;
  const format *is;
  int columns, time, prompt, output; /* how many; their places */
  uint64_t line;                     /* of the row last read, from 1 */
  int64_t origin, previous;          /* ns on the file's own clock: first row, last row */
  int64_t issued;
  orc_trace_options options;
  bool begun, ended;
  size_t have, at; /* bytes in the buffer; read so far */
  char buffer[1 << 16];
  char text[LINE_MOST];
} trace;

/* One line without its end (LF or CRLF): its length, -1 at the end of the file or on an error. */
static int64_t read_line(trace *t, orc_error *e)
{
  size_t n = 0;
  for (;;) {
    if (t->at == t->have) {
      const int got = gzread(t->file, t->buffer, sizeof t->buffer);
      if (got < 0) {
        int code;
        orc_fail(e, "%s: line %" PRIu64 ": cannot be read: %s", t->path, t->line + 1,
                 gzerror(t->file, &code));
        return -1;
      }
      t->have = (size_t)got;
      t->at = 0;
      if (got == 0 && n == 0) return -1;
      if (got == 0) break;
    }
    const char *end = memchr(t->buffer + t->at, '\n', t->have - t->at);
    const size_t part = (end == NULL ? t->have : (size_t)(end - t->buffer)) - t->at;
    if (n + part >= sizeof t->text) {
      orc_fail(e, "%s: line %" PRIu64 ": longer than %d bytes", t->path, t->line + 1,
               LINE_MOST - 1);
      return -1;
    }
    memcpy(t->text + n, t->buffer + t->at, part);
    n += part;
    t->at += part + (end != NULL);
    if (end != NULL) break;
  }
  t->line++;
  if (n > 0 && t->text[n - 1] == '\r') n--;
  t->text[n] = '\0';
  return (int64_t)n;
}

/* Cut a line at its commas; returns the number of fields. Quotes around a field are dropped. */
static int split(char *line, char **fields)
{
  int n = 0;
  for (char *p = line; n < COLUMNS_MOST;) {
    fields[n++] = p;
    bool quoted = false;
    while (*p != '\0' && (quoted || *p != ','))
      quoted ^= *p++ == '"';
    const bool last = *p == '\0';
    char *f = fields[n - 1];
    *p = '\0';
    if (p - f >= 2 && f[0] == '"' && p[-1] == '"') {
      p[-1] = '\0';
      fields[n - 1] = f + 1;
    }
    if (last) break;
    p++;
  }
  return n;
}

static int find(char *const *fields, int n, const char *name)
{
  for (int i = 0; i < n; i++)
    if (strcmp(fields[i], name) == 0) return i;
  return -1;
}

/* What a file holds may be anything; only printable ASCII is shown. */
static void show(char *shown, const char *text)
{
  int n = 0;
  for (; n < FIELD_SHOWN && text[n] != '\0'; n++)
    shown[n] = (char)(text[n] >= ' ' && text[n] <= '~' ? text[n] : '?');
  shown[n] = '\0';
}

static bool bad_field(const trace *t, const char *column, const char *got, const char *expected,
                      orc_error *e)
{
  if (got[0] == '\0')
    return orc_fail(e, "%s: line %" PRIu64 ": %s is missing, %s expected", t->path, t->line, column,
                    expected);
  char shown[FIELD_SHOWN + 1];
  show(shown, got);
  return orc_fail(e, "%s: line %" PRIu64 ": %s: %s expected, got \"%s\"", t->path, t->line, column,
                  expected, shown);
}

static bool read_count(const trace *t, const char *column, const char *s, int32_t *out,
                       orc_error *e)
{
  int32_t whole = 0;
  const char *p = s;
  for (; p - s < 9 && *p >= '0' && *p <= '9'; p++)
    whole = 10 * whole + (*p - '0');
  if (p == s || *p != '\0') { /* not plain digits: perhaps "374.0" */
    char *end;
    const double v = strtod(s, &end);
    if (end == s || *end != '\0' || !(v >= 0.0) || v > TOKENS_MOST || v != floor(v))
      return bad_field(t, column, s, "a whole number of tokens", e);
    whole = (int32_t)v;
  }
  if (whole > TOKENS_MOST) return bad_field(t, column, s, "at most 100 million tokens", e);
  *out = whole;
  return true;
}

/* Days since 1970-01-01 of a date of the Gregorian calendar (Hinnant, chrono-compatible date
 * algorithms). */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
  year -= month <= 2;
  const int64_t era = year / 400, of_era = year % 400;
  const int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* `n` decimal digits at *p, which moves past them; -1 when they are not there. */
static int64_t digits(const char **p, int n)
{
  int64_t v = 0;
  for (int i = 0; i < n; i++, (*p)++) {
    if (!isdigit((unsigned char)**p)) return -1;
    v = 10 * v + (**p - '0');
  }
  return v;
}

/* "YYYY-MM-DD HH:MM:SS[.fraction][+00:00]" to ns since 1970. */
static bool read_calendar(const char *s, int64_t *out)
{
  static const char between[] = "-- ::";
  static const int widths[] = { 4, 2, 2, 2, 2, 2 };
  static const int64_t most[] = { 9999, 12, 31, 23, 59, 60 };
  int64_t part[6];
  for (int i = 0; i < 6; i++) {
    part[i] = digits(&s, widths[i]);
    if (part[i] < 0 || part[i] > most[i]) return false;
    if (i == 5) break;
    if (*s != between[i] && !(i == 2 && *s == 'T')) return false;
    s++;
  }
  if (part[0] < 1970 || part[1] < 1 || part[2] < 1) return false;
  int64_t ns = 0;
  if (*s == '.') {
    int64_t unit = 100000000;
    for (s++; isdigit((unsigned char)*s); s++, unit /= 10)
      ns += (*s - '0') * unit;
  }
  if (strcmp(s, "+00:00") == 0 || strcmp(s, "Z") == 0) s += strlen(s);
  if (*s != '\0') return false;
  const int64_t day = days_of(part[0], part[1], part[2]);
  *out = ((day * 24 + part[3]) * 60 + part[4]) * 60 * ORC_SECOND + part[5] * ORC_SECOND + ns;
  return true;
}

static bool read_time(const trace *t, const char *s, int64_t *out, orc_error *e)
{
  if (t->is->calendar) {
    if (read_calendar(s, out)) return true;
    return bad_field(t, t->is->time, s, "a time such as 2023-11-16 18:15:46.68", e);
  }
  char *end;
  const double v = strtod(s, &end);
  if (end == s || *end != '\0' || !(v >= 0.0) || v > 1e9)
    return bad_field(t, t->is->time, s, "a time in seconds", e);
  *out = orc_time_of(v);
  return true;
}

/* The next row: false at the end of the file or, with e->code set, at a bad one. */
static bool read_row(trace *t, orc_arrival *out, int64_t *time, orc_error *e)
{
  char *fields[COLUMNS_MOST];
  int64_t length;
  do {
    length = read_line(t, e);
    if (length < 0) return false;
  } while (length == 0); /* an empty line at the end is no row */
  const int n = split(t->text, fields);
  if (n > t->columns)
    return orc_fail(e, "%s: line %" PRIu64 ": %d fields; the header has %d", t->path, t->line, n,
                    t->columns);
  if (n < t->columns)
    return orc_fail(e, "%s: line %" PRIu64 ": %d of %d fields; %s is missing", t->path, t->line, n,
                    t->columns,
                    n <= t->time     ? t->is->time
                    : n <= t->prompt ? t->is->prompt
                                     : t->is->output);
  int32_t prompt = 0, output = 0;
  if (!read_time(t, fields[t->time], time, e) ||
      !read_count(t, t->is->prompt, fields[t->prompt], &prompt, e) ||
      !read_count(t, t->is->output, fields[t->output], &output, e))
    return false;
  if (t->begun && *time < t->previous)
    return orc_fail(e, "%s: line %" PRIu64 ": %s goes back; rows in order of time expected",
                    t->path, t->line, t->is->time);
  if (!t->begun) t->origin = *time;
  t->begun = true;
  t->previous = *time;
  /* A request without a prompt or an answer still takes a token of each through the server. */
  out->prompt = prompt > 0 ? prompt : 1;
  out->output = output > 0 ? output : 1;
  return true;
}

static bool next_row(void *self, orc_arrival *out, orc_error *e)
{
  trace *t = self;
  const orc_trace_options *o = &t->options;
  int64_t time = 0;
  if (t->ended || t->issued >= o->count) return false;
  do {
    *out = (orc_arrival){ .timeout = isfinite(o->timeout) ? orc_time_of(o->timeout) : ORC_NEVER,
                          .cancel = ORC_NEVER,
                          .profile = o->profile };
    if (!read_row(t, out, &time, e)) {
      t->ended = true;
      if (e->code == 0 && !t->begun)
        return orc_fail(e, "%s: no requests in it: only a header line", t->path);
      return false;
    }
    time -= t->origin;
  } while ((double)time * 1e-9 < o->from);
  if ((double)time * 1e-9 >= o->to) {
    t->ended = true;
    return false;
  }
  out->time = orc_time_of(((double)time * 1e-9 - o->from) / o->scale);
  if (o->scale == 1.0 && o->from == 0.0) out->time = time;
  out->max_output = out->output;
  out->client = (uint32_t)(t->issued % 100);
  t->issued++;
  return true;
}

static void done(void *self)
{
  trace *t = self;
  gzclose(t->file);
  free(t->path);
  free(t);
}

static bool read_header(trace *t, orc_error *e)
{
  char *fields[COLUMNS_MOST];
  if (read_line(t, e) < 0) return e->code != 0 ? false : orc_fail(e, "%s: is empty", t->path);
  static const unsigned char bom[] = { 0xef, 0xbb, 0xbf };
  char *text = t->text + (memcmp(t->text, bom, sizeof bom) == 0 ? sizeof bom : 0);
  char shown[FIELD_SHOWN + 1];
  show(shown, text);
  t->columns = split(text, fields);
  for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
    t->is = &formats[i];
    t->time = find(fields, t->columns, t->is->time);
    t->prompt = find(fields, t->columns, t->is->prompt);
    t->output = find(fields, t->columns, t->is->output);
    if (t->time >= 0 && t->prompt >= 0 && t->output >= 0) return true;
  }
  return orc_fail(e,
                  "%s: line 1: a trace's header expected (Azure LLM: TIMESTAMP,ContextTokens,"
                  "GeneratedTokens; BurstGPT; Vidur; Splitwise), got \"%s\"",
                  t->path, shown);
}

bool orc_source_trace(orc_source *out, const char *path, const orc_trace_options *o, orc_error *e)
{
  orc_error why = { 0 };
  trace *t = orc_alloc(1, sizeof *t);
  t->file = gzopen(path, "rbe");
  t->options = *o;
  if (t->file == NULL) {
    free(t);
    return orc_fail(e, "%s: cannot be read: %s", path, strerror(errno));
  }
  t->path = orc_alloc(strlen(path) + 1, 1);
  memcpy(t->path, path, strlen(path));
  if (!read_header(t, &why)) {
    if (e != NULL) *e = why;
    done(t);
    return false;
  }
  *out = (orc_source){ .self = t, .next = next_row, .done = done };
  return true;
}
