#include "obs/record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

const char *orc_prefix_event_name(orc_prefix_event e)
{
  static const char *const names[ORC_PREFIX_EVENTS] = {
    "",          "CONVERSATIONAL_HIT", "CROSS_REQUEST_HIT",
    "MISS_FULL", "FULL_HIT",           "CONVERSATIONAL_MISS_UNEXPECTED_PROMPT",
  };
  ORC_ASSERT(e < ORC_PREFIX_EVENTS);
  return names[e];
}

orc_time orc_record_ttft(const orc_record *r)
{
  return r->first_token < 0 ? -1 : r->first_token - r->arrival;
}

orc_time orc_record_e2e(const orc_record *r)
{
  return r->status == ORC_SUCCESS ? r->completion - r->arrival : -1;
}

orc_time orc_record_tpot(const orc_record *r)
{
  if (r->status != ORC_SUCCESS || r->output < 2) return -1;
  return (r->completion - r->first_token + (r->output - 1) / 2) / (r->output - 1);
}

orc_time orc_record_queue(const orc_record *r)
{
  return r->scheduled < 0 ? -1 : r->scheduled - r->arrival;
}

enum { NAME_LONGEST = 150 }; /* bytes of a profile's name that are shown */

/* A profile's name as a cell holds it: quotes doubled, and in quotes where the name needs them. */
typedef struct label {
  const char *quote; /* before and after: "\"" or "" */
  char name[2 * NAME_LONGEST + 1];
} label;

struct orc_csv {
  int plain; /* file descriptor, -1 when compressed */
  gzFile gz;
  bool in_file;
  bool failed;
  int why;       /* errno of the first failure */
  label *labels; /* by profile index; the last one stands for requests of none */
  int profile_count;
  orc_record *ring; /* finished, waiting for older ones; by number & (room - 1) */
  bool *there;
  uint64_t room, next; /* next: the number of the next row */
  size_t used;
  char buffer[1 << 16];
};

static const char header[] =
    "request_id,client_id,session_id,prompt_tokens,max_output_tokens,output_tokens,arrival_time,"
    "first_token_time,completion_time,status,ttft_ms,tpot_ms,e2e_latency_ms,prefix_cache_event,"
    "cached_prefix_length,tokens_actually_prefilled,queue_ms,preemptions,replica,profile,"
    "priority,recomputed_tokens\n";

static void flush(orc_csv *c)
{
  size_t sent = 0;
  while (sent < c->used && !c->failed) {
    const unsigned left = (unsigned)(c->used - sent);
    const ssize_t n = c->plain >= 0 ? write(c->plain, c->buffer + sent, left)
                                    : (ssize_t)gzwrite(c->gz, c->buffer + sent, left);
    if (n <= 0 && !(n < 0 && errno == EINTR)) {
      c->failed = true;
      c->why = errno;
    }
    if (n > 0) sent += (size_t)n;
  }
  c->used = 0;
}

static void text(orc_csv *c, const char *s, size_t n)
{
  if (c->used + n > sizeof c->buffer) flush(c);
  memcpy(c->buffer + c->used, s, n);
  c->used += n;
}

/* RFC 4180, section 2, rules 5 to 7. */
static void put_label(label *l, const char *name)
{
  l->quote = strpbrk(name, ",\"\r\n") == NULL ? "" : "\"";
  size_t n = 0;
  for (int i = 0; i < NAME_LONGEST && name[i] != '\0'; i++) {
    if (name[i] == '"') l->name[n++] = '"';
    l->name[n++] = name[i];
  }
  l->name[n] = '\0';
}

/* Links lead elsewhere than where one was told to write; those of the system do not. Standard output is shared: it is
 * neither emptied nor closed, and what was said before comes first. */
static int open_plain(const char *path)
{
  const bool system = strncmp(path, "/dev/", 5) == 0 || strncmp(path, "/proc/", 6) == 0;
  const int how = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | (system ? 0 : O_NOFOLLOW);
  if (strcmp(path, "-") != 0) return open(path, how, 0666);
  fflush(stdout);
  return fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
}

orc_csv *orc_csv_open(const char *path, const char *const *profiles, int profile_count,
                      orc_error *e)
{
  const size_t n = strlen(path);
  const bool zip = n > 3 && strcmp(path + n - 3, ".gz") == 0;
  orc_csv *c = orc_alloc(1, sizeof *c);
  c->plain = open_plain(path);
  struct stat is;
  c->in_file = c->plain >= 0 && fstat(c->plain, &is) == 0 && S_ISREG(is.st_mode);
  if (zip && c->plain >= 0) {
    c->gz = gzdopen(c->plain, "wb");
    if (c->gz != NULL) c->plain = -1; /* which it closes */
  }
  if (zip ? c->gz == NULL : c->plain < 0) {
    orc_fail(e, "%s: cannot be written: %s", path,
             errno == ELOOP ? "a symbolic link" : strerror(errno));
    free(c);
    return NULL;
  }
  c->profile_count = profile_count;
  c->labels = orc_alloc((size_t)profile_count + 1, sizeof *c->labels);
  for (int i = 0; i < profile_count; i++)
    put_label(&c->labels[i], profiles[i]);
  put_label(&c->labels[profile_count], "default");
  text(c, header, sizeof header - 1);
  return c;
}

bool orc_csv_in_file(const orc_csv *c)
{
  return c->in_file;
}

/* ---- a row: each of these appends at `p` and returns where the next goes; printf would take most of a run's time ---- */

static char *letters(char *p, const char *s)
{
  while (*s != '\0')
    *p++ = *s++;
  return p;
}

/* At least `least` digits, zeroes in front. */
static char *digits(char *p, uint64_t v, int least)
{
  char s[20];
  int n = 0;
  do {
    s[n++] = (char)('0' + v % 10);
    v /= 10;
  } while (v > 0);
  for (; least > n; least--)
    *p++ = '0';
  while (n > 0)
    *p++ = s[--n];
  return p;
}

/* A whole number, then a comma. */
static char *whole(char *p, int64_t v)
{
  if (v < 0) *p++ = '-';
  p = digits(p, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, 1);
  *p++ = ',';
  return p;
}

/* ns in units of 10^places ns, exactly and without trailing zeroes, then a comma; empty if negative. */
static char *decimal(char *p, orc_time ns, int places)
{
  static const int64_t units[] = { [6] = 1000000, [9] = 1000000000 };
  if (ns >= 0) {
    const int64_t unit = units[places];
    p = digits(p, (uint64_t)(ns / unit), 1);
    if (ns % unit > 0) {
      *p++ = '.';
      p = digits(p, (uint64_t)(ns % unit), places);
      while (p[-1] == '0')
        p--;
    }
  }
  *p++ = ',';
  return p;
}

static const label *label_of(const orc_csv *c, const orc_record *r)
{
  return &c->labels[r->profile < c->profile_count ? r->profile : c->profile_count];
}

static char *names(char *p, const orc_csv *c, const orc_record *r)
{
  const label *l = label_of(c, r);
  p = whole(letters(p, "req_"), (int64_t)r->number + 1);
  p = letters(letters(letters(letters(p, l->quote), "client_"), l->name), "_");
  p = letters(digits(p, r->client, 1), l->quote);
  *p++ = ',';
  if (r->session > 0) p = digits(letters(p, "sess_"), r->session, 1);
  *p++ = ',';
  return p;
}

enum { ROW_LONGEST = 4 * NAME_LONGEST + 640 }; /* two names, 22 cells of at most 29 bytes */

static void row(orc_csv *c, const orc_record *r)
{
  char s[ROW_LONGEST], *p = names(s, c, r);
  p = whole(p, r->prompt);
  p = whole(p, r->max_output);
  p = whole(p, r->output);
  p = decimal(p, r->arrival, 9);
  p = decimal(p, r->first_token, 9);
  p = decimal(p, r->completion, 9);
  p = letters(letters(p, orc_status_name(r->status)), ",");
  p = decimal(p, orc_record_ttft(r), 6);
  p = decimal(p, orc_record_tpot(r), 6);
  p = decimal(p, orc_record_e2e(r), 6);
  p = letters(letters(p, orc_prefix_event_name(r->prefix_event)), ",");
  p = whole(p, r->cached);
  p = whole(p, r->prefilled);
  p = decimal(p, orc_record_queue(r), 6);
  p = whole(p, r->preemptions);
  p = r->replica == ORC_NO_REPLICA ? letters(p, ",") : whole(p, r->replica);
  const label *l = label_of(c, r);
  p = letters(letters(letters(letters(p, l->quote), l->name), l->quote), ",");
  p = whole(whole(p, r->priority), r->recomputed);
  p[-1] = '\n';
  text(c, s, (size_t)(p - s));
}

static void widen(orc_csv *c, uint64_t span)
{
  uint64_t room = c->room == 0 ? 64 : c->room;
  while (room <= span)
    room *= 2;
  orc_record *ring = orc_alloc(room, sizeof *ring);
  bool *there = orc_alloc(room, sizeof *there);
  for (uint64_t i = 0; i < c->room; i++) {
    if (!c->there[i]) continue;
    ring[c->ring[i].number & (room - 1)] = c->ring[i];
    there[c->ring[i].number & (room - 1)] = true;
  }
  free(c->ring);
  free(c->there);
  c->ring = ring;
  c->there = there;
  c->room = room;
}

void orc_csv_put(orc_csv *c, const orc_record *r)
{
  ORC_ASSERT(r->number >= c->next);
  if (r->number - c->next >= c->room) widen(c, r->number - c->next);
  c->ring[r->number & (c->room - 1)] = *r;
  c->there[r->number & (c->room - 1)] = true;
  while (c->there[c->next & (c->room - 1)]) {
    c->there[c->next & (c->room - 1)] = false;
    row(c, &c->ring[c->next & (c->room - 1)]);
    c->next++;
  }
}

bool orc_csv_close(orc_csv *c, orc_error *e)
{
  for (uint64_t i = 0; i < c->room; i++) {
    const uint64_t place = (c->next + i) & (c->room - 1);
    if (c->there[place]) row(c, &c->ring[place]);
  }
  flush(c);
  bool good = !c->failed;
  if (c->plain >= 0 ? close(c->plain) != 0 : gzclose(c->gz) != Z_OK) {
    if (good) c->why = errno;
    good = false;
  }
  if (!good) orc_fail(e, "the CSV could not be written to its end: %s", strerror(c->why));
  free(c->labels);
  free(c->ring);
  free(c->there);
  free(c);
  return good;
}
