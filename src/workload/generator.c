#include "workload/generator.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TOKENS_MOST = INT32_MAX / 2, CLIENTS = 100, STILL_MOST = 100000 };
enum { TEXT = 21, ANSWER = 22, TURN = 23, PROFILE_SHIFT = 48 }; /* kinds of texts and keys */

typedef struct generator {
  orc_generator of;
  orc_generator_options options;
  orc_request_block block; /* what comes next: */
  int at;                  /* its next row; */
  orc_request_block one;   /* and the row of a request that follows an answer */
  int64_t drawn;           /* rows taken from blocks so far */
  int64_t issued;          /* requests so far, those that follow included */
  orc_time latest;         /* of the row before */
  int64_t still;           /* rows at that time so far */
  int part;                /* in the block's parts, the first of its next row */
  orc_prompts prompts;
  bool ended;
} generator;

/* ---- blocks ---- */

static orc_request_block block_of(int room)
{
  const size_t n = (size_t)room;
  return (orc_request_block){ .room = room,
                              .time = orc_alloc(n, sizeof(double)),
                              .prompt = orc_alloc(n, sizeof(int32_t)),
                              .output = orc_alloc(n, sizeof(int32_t)),
                              .max_output = orc_alloc(n, sizeof(int32_t)),
                              .priority = orc_alloc(n, sizeof(int32_t)),
                              .client = orc_alloc(n, sizeof(uint32_t)),
                              .session = orc_alloc(n, sizeof(uint64_t)),
                              .timeout = orc_alloc(n, sizeof(double)),
                              .cancel = orc_alloc(n, sizeof(double)),
                              .prefix = orc_alloc(n, sizeof(uint64_t)),
                              .prefix_tokens = orc_alloc(n, sizeof(int32_t)),
                              .text = orc_alloc(n, sizeof(uint64_t)),
                              .streamed = orc_alloc(n, sizeof(bool)),
                              .stops = orc_alloc(n, sizeof(bool)),
                              .continues = orc_alloc(n, sizeof(bool)),
                              .repeats = orc_alloc(n, sizeof(bool)),
                              .more = orc_alloc(n, sizeof(int32_t)),
                              .profile = orc_alloc(n, sizeof(uint16_t)),
                              .tag = orc_alloc(n, sizeof(uint32_t)) };
}

static void block_done(orc_request_block *b)
{
  free(b->time);
  free(b->prompt);
  free(b->output);
  free(b->max_output);
  free(b->priority);
  free(b->client);
  free(b->session);
  free(b->timeout);
  free(b->cancel);
  free(b->prefix);
  free(b->prefix_tokens);
  free(b->text);
  free(b->streamed);
  free(b->stops);
  free(b->continues);
  free(b->repeats);
  free(b->more);
  free(b->profile);
  free(b->tag);
  free(b->parts);
}

void orc_block_begin_with(orc_request_block *b, int row, uint64_t text, int32_t tokens)
{
  b->prefix_tokens[row] += tokens;
  if (b->prefix[row] == 0) {
    b->prefix[row] = text;
    return;
  }
  if (b->part_count == b->part_room) {
    b->part_room = b->part_room == 0 ? 16 : 2 * b->part_room;
    b->parts = orc_resize(b->parts, (size_t)b->part_room, sizeof *b->parts);
  }
  b->parts[b->part_count++] = (orc_prompt_part){ .text = text, .tokens = tokens };
  b->more[row]++;
}

static void clear(const generator *g, orc_request_block *b, int64_t first)
{
  const size_t n = (size_t)b->room;
  uint32_t client = (uint32_t)(first % CLIENTS);
  b->count = b->part_count = 0;
  memset(b->prompt, 0, n * sizeof *b->prompt);
  memset(b->output, 0, n * sizeof *b->output);
  memset(b->max_output, 0, n * sizeof *b->max_output);
  memset(b->priority, 0, n * sizeof *b->priority);
  memset(b->prefix_tokens, 0, n * sizeof *b->prefix_tokens);
  memset(b->session, 0, n * sizeof *b->session);
  memset(b->prefix, 0, n * sizeof *b->prefix);
  memset(b->text, 0, n * sizeof *b->text);
  memset(b->stops, false, n);
  memset(b->continues, false, n);
  memset(b->repeats, false, n);
  memset(b->streamed, true, n);
  memset(b->more, 0, n * sizeof *b->more);
  memset(b->tag, 0, n * sizeof *b->tag);
  for (size_t i = 0; i < n; i++) {
    b->time[i] = 0.0;
    b->timeout[i] = g->options.timeout;
    b->cancel[i] = INFINITY;
    b->profile[i] = g->options.profile;
    b->client[i] = client;
    client = client + 1 < CLIENTS ? client + 1 : 0;
  }
}

/* ---- rows ---- */

static bool wrong(const char *column, double got, const char *expected, orc_error *e)
{
  return orc_fail(e, "%s: %s expected, got %g", column, expected, got);
}

/* The source ends with *e, which is about the request that would have come next. */
static bool failed(generator *g, orc_error *e)
{
  g->ended = true;
  if (g->of.explain != NULL) {
    g->of.explain(g->of.self, g->issued + 1, e);
    return false;
  }
  const orc_error why = *e;
  return orc_fail(e, "workload: request %" PRId64 ": %s", g->issued + 1, why.msg);
}

static bool check(const generator *g, const orc_request_block *b, int i, orc_error *e)
{
  if (!(b->time[i] >= 0.0)) return wrong("time", b->time[i], "s of at least 0", e);
  if (b->time[i] > ORC_SOURCE_LATEST) return wrong("time", b->time[i], "at most 9e9 s", e);
  if (b->prompt[i] < 1 || b->prompt[i] > TOKENS_MOST)
    return wrong("prompt", b->prompt[i], "a number of tokens from 1 to 1073741823", e);
  if (b->output[i] < 1 || b->output[i] > TOKENS_MOST)
    return wrong("output", b->output[i], "a number of tokens from 1 to 1073741823", e);
  if (b->max_output[i] != 0 && b->max_output[i] < b->output[i])
    return wrong("max_output", b->max_output[i], "at least output", e);
  if (!(b->timeout[i] >= 0.0)) return wrong("timeout", b->timeout[i], "s of at least 0", e);
  if (!(b->cancel[i] >= 0.0)) return wrong("cancel", b->cancel[i], "s of at least 0", e);
  if (b->prefix_tokens[i] < 0 || b->prefix_tokens[i] > b->prompt[i])
    return wrong("prefix_tokens", b->prefix_tokens[i], "from 0 to those of the prompt", e);
  if ((b->prefix[i] != 0) != (b->prefix_tokens[i] > 0))
    return wrong("prefix_tokens", b->prefix_tokens[i], "above 0 where there is a prefix", e);
  if (!g->options.told && (b->prefix[i] != 0 || b->text[i] != 0))
    return orc_fail(e, "prefix, text: prompts have no identity here");
  return true;
}

static orc_time after(double seconds)
{
  return isfinite(seconds) ? orc_time_of(seconds) : ORC_NEVER;
}

/* A row as an arrival, all but its time and what its prompt is made of. */
static orc_arrival row(const orc_request_block *b, int i)
{
  return (orc_arrival){ .prompt = b->prompt[i],
                        .output = b->output[i],
                        .max_output = b->max_output[i] > 0 ? b->max_output[i] : b->output[i],
                        .client = b->client[i],
                        .session = b->session[i],
                        .turn = b->session[i] != 0,
                        .streamed = b->streamed[i],
                        .stops = b->stops[i],
                        .priority = b->priority[i],
                        .profile = b->profile[i],
                        .timeout = after(b->timeout[i]),
                        .cancel = after(b->cancel[i]),
                        .tag = b->tag[i] };
}

/* A text that only the request at hand has. */
static uint64_t own(const generator *g, uint64_t kind)
{
  return orc_prompt_text(kind, (uint64_t)g->options.profile << PROFILE_SHIFT | (uint64_t)g->issued,
                         0);
}

/* What a prompt of its own is made of; the row's further texts are those from parts[first] on. */
static void word(generator *g, const orc_request_block *b, int i, int first, orc_arrival *out)
{
  if (!g->options.told) return;
  const int32_t shared = b->prefix_tokens[i], rest = out->prompt - shared;
  int32_t begin = shared;
  for (int k = 0; k < b->more[i]; k++)
    begin -= b->parts[first + k].tokens;
  out->prompt_id = orc_prompts_add(&g->prompts, own(g, ANSWER));
  if (begin > 0) orc_prompts_append(&g->prompts, out->prompt_id, b->prefix[i], 0, begin);
  for (int k = 0; k < b->more[i]; k++)
    orc_prompts_append(&g->prompts, out->prompt_id, b->parts[first + k].text, 0,
                       b->parts[first + k].tokens);
  g->prompts.at[out->prompt_id].shared = shared;
  if (rest > 0)
    orc_prompts_append(&g->prompts, out->prompt_id, b->text[i] != 0 ? b->text[i] : own(g, TEXT), 0,
                       rest);
}

/* ---- the source ---- */

static bool refill(generator *g, orc_error *e)
{
  clear(g, &g->block, g->drawn);
  g->at = g->part = 0;
  if (!g->of.fill(g->of.self, &g->block, e)) return false;
  if (g->block.count < 0 || g->block.count > g->block.room)
    return orc_fail(e, "a block of %d requests, from 0 to %d expected", g->block.count,
                    g->block.room);
  return g->block.count > 0;
}

/* Whether nothing but its limit ends it, and as many as that came. */
static bool has_no_end(const generator *g)
{
  const orc_generator_options *o = &g->options;
  return o->count == INT64_MAX && o->most > 0 && !isfinite(o->duration) && g->issued >= o->most;
}

/* One that nothing bounds is to end by itself, and its clock is to move. */
static bool may_go_on(generator *g, orc_time time, orc_error *e)
{
  const orc_generator_options *o = &g->options;
  g->still = time > g->latest ? 0 : g->still + 1;
  if (o->count < INT64_MAX) return true;
  if (g->still > STILL_MOST)
    return orc_fail(
        e, "time: more than %d requests at %.9g s; a count is missing, or time that passes",
        STILL_MOST, (double)time * 1e-9);
  if (has_no_end(g))
    return orc_fail(e, "still more come after %" PRId64 "; a count or a duration is missing",
                    o->most);
  return true;
}

/* The row that comes next; false with e->code 0 where there is none. */
static bool take(generator *g, orc_arrival *out, orc_error *e)
{
  if (g->at == g->block.count && !refill(g, e)) return false;
  const orc_request_block *b = &g->block;
  const int i = g->at;
  if (!check(g, b, i, e)) return false;
  if (b->time[i] >= g->options.duration - 0.5e-9) return false; /* in ns: at the end is too late */
  *out = row(b, i);
  out->time = orc_time_of(b->time[i]);
  if (out->time < g->latest)
    return orc_fail(e, "time: goes back from %.9g s to %.9g s; no less than before expected",
                    (double)g->latest * 1e-9, b->time[i]);
  if (!may_go_on(g, out->time, e)) return false;
  word(g, b, i, g->part, out);
  g->part += b->more[i];
  g->latest = out->time;
  g->at++;
  g->drawn++;
  g->issued++;
  return true;
}

static bool next(void *self, orc_arrival *out, orc_error *e)
{
  generator *g = self;
  if (g->ended || g->issued >= g->options.count) return false;
  if (take(g, out, e)) return true;
  g->ended = true;
  return e->code != 0 ? failed(g, e) : false;
}

/* What the prompt of a later turn is made of: all that was said, and what is added. */
static bool extend(generator *g, const orc_outcome *of, orc_arrival *out, orc_error *e)
{
  const int32_t added = out->prompt;
  const int64_t length = (int64_t)of->in->prompt + of->generated + added;
  if (length > TOKENS_MOST)
    return wrong("prompt", (double)length, "with all that was said, at most 1073741823 tokens", e);
  out->prompt = (int32_t)length;
  if (!g->options.told) return true;
  out->prompt_id =
      orc_prompts_continue(&g->prompts, of->in->prompt_id, of->generated, own(g, ANSWER));
  const uint64_t text = g->one.text[0] != 0 ? g->one.text[0] : own(g, TURN);
  orc_prompts_append(&g->prompts, out->prompt_id, text, 0, added);
  return true;
}

/* The prompt of the request that has ended, as it was. */
static void repeat(generator *g, const orc_outcome *of, orc_arrival *out)
{
  out->prompt = of->in->prompt;
  if (!g->options.told) return;
  out->prompt_id = orc_prompts_continue(&g->prompts, of->in->prompt_id, 0, own(g, ANSWER));
  orc_prompt *to = &g->prompts.at[out->prompt_id];
  const orc_prompt *from = &g->prompts.at[of->in->prompt_id];
  to->history = from->history;
  to->follows = from->follows;
}

/* What is asked after an answer; false with e->code 0: nothing. */
static bool ask_again(generator *g, const orc_outcome *of, orc_arrival *out, orc_error *e)
{
  clear(g, &g->one, 0);
  g->one.client[0] = of->in->client;
  g->one.session[0] = of->in->session;
  if (!g->of.follow(g->of.self, of, &g->one, e) || g->one.count == 0) return false;
  if (g->one.count != 1)
    return orc_fail(e, "%d requests follow one, 1 at most expected", g->one.count);
  if (g->one.repeats[0]) g->one.prompt[0] = of->in->prompt;
  if (!check(g, &g->one, 0, e)) return false;
  if (has_no_end(g))
    return orc_fail(e, "still more follow after %" PRId64 "; a count or a duration is missing",
                    g->options.most);
  *out = row(&g->one, 0);
  out->time = orc_time_after(of->ended, orc_time_of(g->one.time[0]));
  if ((double)out->time * 1e-9 >= g->options.duration) return false;
  if (g->one.continues[0] && !extend(g, of, out, e)) return false;
  if (g->one.repeats[0]) repeat(g, of, out);
  if (!g->one.continues[0] && !g->one.repeats[0]) word(g, &g->one, 0, 0, out);
  if (g->one.repeats[0] && out->session == of->in->session) {
    out->turn = of->in->turn;
  } else if (out->session != 0 && out->session == of->in->session) {
    out->turn = of->in->turn < UINT16_MAX ? (uint16_t)(of->in->turn + 1) : UINT16_MAX;
    if (out->prompt_id != 0) g->prompts.at[out->prompt_id].follows = true;
  }
  g->issued++;
  return true;
}

static bool follow(void *self, const orc_outcome *of, orc_arrival *out, orc_error *e)
{
  generator *g = self;
  if (g->issued >= g->options.count) return false;
  if (ask_again(g, of, out, e)) return true;
  return e->code != 0 ? failed(g, e) : false;
}

const orc_generator *orc_generator_of(const orc_source *s)
{
  return &((const generator *)s->self)->of;
}

orc_request_block *orc_generator_row(const orc_source *s)
{
  generator *g = s->self;
  clear(g, &g->one, g->issued);
  return &g->one;
}

bool orc_generator_send(const orc_source *s, orc_time now, orc_arrival *out, orc_error *e)
{
  generator *g = s->self;
  if (!check(g, &g->one, 0, e)) return false;
  *out = row(&g->one, 0);
  out->time = orc_time_after(now, orc_time_of(g->one.time[0]));
  if ((double)out->time * 1e-9 >= g->options.duration) return false;
  if (!may_go_on(g, now, e)) return false;
  g->latest = now;
  word(g, &g->one, 0, 0, out);
  g->issued++;
  return true;
}

static void done(void *self)
{
  generator *g = self;
  if (g->of.done != NULL) g->of.done(g->of.self);
  block_done(&g->block);
  block_done(&g->one);
  orc_prompts_done(&g->prompts);
  free(g);
}

orc_source orc_source_generator(const orc_generator *of, const orc_generator_options *o)
{
  ORC_ASSERT(o->room >= 1 && o->room <= ORC_BLOCK_MOST);
  generator *g = orc_alloc(1, sizeof *g);
  *g = (generator){ .of = *of, .options = *o, .block = block_of(o->room), .one = block_of(1) };
  return (orc_source){ .self = g,
                       .next = next,
                       .follow = of->follow != NULL ? follow : NULL,
                       .done = done,
                       .open = o->open,
                       .prompts = &g->prompts };
}
