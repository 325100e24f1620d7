#include "bind/cost/own_cost.h"

#include <lauxlib.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bind/cost/shape.h"
#include "bind/policy/call.h"
#include "bind/policy/source_line.h"
#include "bind/put.h"
#include "cluster/failure.h"
#include "cost/pieces.h"

#define TYPE "oracle.own_cost"

enum { ITEMS = 7 };

static const struct {
  const char *name;
  size_t offset;
} items[ITEMS] = {
  { "gemm", offsetof(orc_step_time, gemm) },
  { "attention", offsetof(orc_step_time, attention) },
  { "lm_head", offsetof(orc_step_time, lm_head) },
  { "other", offsetof(orc_step_time, other) },
  { "collective", offsetof(orc_step_time, collective) },
  { "exchange", offsetof(orc_step_time, exchange) },
  { "overhead", offsetof(orc_step_time, overhead) },
};

enum { ATTENTION = 1 };

/* What is prepared of n sequences: pieces by `decode`, and pieces that were found by asking. */
typedef struct prepared {
  orc_pieces told, found;
} prepared;

/* A stage, and what is prepared of it: replicas that are alike share one. */
typedef struct site {
  orc_step_cost cost;
  prepared *of; /* [room] by n */
  int64_t room;
} site;

/* What the models of a Lua state took of the machine. */
typedef struct tally {
  int64_t calls, ns;
} tally;

static const char tally_key; /* its address names the state's tally in the registry */

typedef struct own_cost {
  orc_own_cost is;
  tally *tally;
  orc_lua_policies *policies;
  lua_State *L; /* without policies: where it is asked */
  const char *name;
  int step, add, decode; /* references; LUA_NOREF: not defined */
  int item[ITEMS];
  int shape, parts, about;    /* references of the tables they are given */
  const orc_step_cost *stage; /* the one that is asked for, of which `about` tells */
  orc_step_shape of;          /* the step that is asked for */
  site **sites;
  int site_count;
  bool failed;
  orc_error error;
} own_cost;

/* ---- what goes wrong ---- */

static lua_State *state_of(const own_cost *m)
{
  return m->policies != NULL ? m->policies->L : m->L;
}

/* The replica whose stage it was asked for, NULL: none yet. */
static const orc_replica *asker(const orc_cluster *c, const orc_step_cost *stage)
{
  for (int i = 0; i < c->replica_count; i++) {
    const orc_replica *r = &c->replicas[i];
    for (int k = 0; k < r->pipeline.count; k++)
      if (r->pipeline.stages[k].cost == stage) return r;
  }
  return NULL;
}

/* Keep the first error, for the run to end with. */
static void note(own_cost *m, const char *why)
{
  if (m->failed) return;
  m->failed = true;
  orc_fail(&m->error, "cost model \"%s\": %s", m->name, why);
  orc_cluster *c = m->policies != NULL ? m->policies->of : NULL;
  const orc_replica *r = c != NULL ? asker(c, m->stage) : NULL;
  if (r != NULL)
    orc_failure_at(c, r, &m->error);
  else if (c != NULL)
    orc_failure(c, &m->error);
}

/* What a function gave is no cost. */
static void refuse(own_cost *m, int function, const char *item, const char *given)
{
  char where[ORC_SOURCE_LINE_SIZE], why[400];
  const orc_step_shape *s = &m->of;
  orc_policy_place(state_of(m), function, where, sizeof where);
  snprintf(why, sizeof why,
           "%s: %s gives %s for %lld decoding sequences with %lld tokens of context and %lld "
           "prompt tokens; seconds of at least 0 expected",
           where, item, given, (long long)s->decode_seqs, (long long)s->decode_context,
           (long long)s->prefill_tokens);
  note(m, why);
}

/* ---- asking ---- */

/* about.stage, about.group: of the stage that is asked for. */
static void tell_stage(own_cost *m, lua_State *L, const orc_step_cost *c)
{
  if (m->stage == c) return;
  m->stage = c;
  const orc_group *g = &c->reduce.ways[0].fabric.near;
  lua_rawgeti(L, LUA_REGISTRYINDEX, m->about);
  lua_createtable(L, 0, 4);
  orc_bind_put_integer(L, "first_layer", c->stage.first_layer);
  orc_bind_put_integer(L, "layers", c->stage.layers);
  lua_pushboolean(L, c->stage.embedding);
  lua_setfield(L, -2, "embedding");
  lua_pushboolean(L, c->stage.lm_head);
  lua_setfield(L, -2, "lm_head");
  lua_setfield(L, -2, "stage");
  lua_createtable(L, 0, 4);
  orc_bind_put_integer(L, "ranks", c->reduce.ranks);
  orc_bind_put_number(L, "latency", g->latency);
  orc_bind_put_number(L, "bandwidth", g->bandwidth);
  if (g->loggp) {
    orc_bind_put_number(L, "overhead", g->overhead);
    orc_bind_put_number(L, "gap", g->gap);
  }
  lua_setfield(L, -2, "group");
  lua_pop(L, 1);
}

static void tell_shape(own_cost *m, lua_State *L, const orc_step_shape *s)
{
  m->of = *s;
  lua_rawgeti(L, LUA_REGISTRYINDEX, m->shape);
  orc_bind_put_shape(L, s);
  const int64_t own = orc_step_shape_tokens(s);
  orc_bind_put_integer(L, "tokens", own);
  orc_bind_put_integer(L, "all_tokens", s->all_tokens > own ? s->all_tokens : own);
  lua_pop(L, 1);
}

static void tell_parts(const own_cost *m, lua_State *L, const orc_step_time *t)
{
  lua_rawgeti(L, LUA_REGISTRYINDEX, m->parts);
  for (int i = 0; i < ITEMS; i++)
    orc_bind_put_number(L, items[i].name, *(const double *)((const char *)t + items[i].offset));
  orc_bind_put_number(L, "total", t->total);
  orc_bind_put_number(L, "flops", t->flops);
  orc_bind_put_number(L, "bytes", t->bytes);
  lua_pop(L, 1);
}

static int64_t clock_ns(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/*
** Call the function below `args` arguments, which orc_policy_push pushed. Leaves what it returns,
** `results` values. False: an error, which is kept, and nothing is left.
*/
static bool ask(own_cost *m, lua_State *L, int args, int results)
{
  int status;
  m->tally->calls++;
  if (m->policies != NULL) {
    status = orc_policy_ask(m->policies, args, results, (orc_call_context){ .certain = true });
  } else {
    const int handler = lua_gettop(L) - args - 1;
    status = lua_pcall(L, args, results, handler);
    lua_remove(L, handler);
  }
  if (status == LUA_OK) return true;
  const char *why = lua_tostring(L, -1);
  note(m, why != NULL ? why : "an error without a message");
  lua_pop(L, 1);
  return false;
}

/* Seconds by f(shape, parts, about), which were told; `least`: what they must be. */
static bool seconds_by(own_cost *m, int function, const char *item, double least, double *out)
{
  lua_State *L = state_of(m);
  orc_policy_push(L, function);
  lua_rawgeti(L, LUA_REGISTRYINDEX, m->shape);
  lua_rawgeti(L, LUA_REGISTRYINDEX, m->parts);
  lua_rawgeti(L, LUA_REGISTRYINDEX, m->about);
  if (!ask(m, L, 3, 1)) return false;
  const bool number = lua_type(L, -1) == LUA_TNUMBER;
  const double v = number ? lua_tonumber(L, -1) : NAN;
  if (isfinite(v) && v >= least) {
    *out = v;
    lua_pop(L, 1);
    return true;
  }
  char given[48];
  if (number)
    snprintf(given, sizeof given, isnan(v) ? "nan s" : "%g s", v);
  else
    snprintf(given, sizeof given, "a %s", luaL_typename(L, -1));
  lua_pop(L, 1);
  refuse(m, function, item, given);
  return false;
}

static double sum(const orc_step_time *t)
{
  double total = 0.0;
  for (int i = 0; i < ITEMS; i++)
    total += *(const double *)((const char *)t + items[i].offset);
  return total;
}

/* Room for a call is made once per step: no error of Lua's may leave the engine halfway. */
static bool ready(own_cost *m)
{
  return !m->failed && lua_checkstack(state_of(m), 16);
}

static double kernels(const orc_step_time *t)
{
  return t->gemm + t->attention + t->lm_head + t->other;
}

/* What FLOPs bind of the items of its own is the share that they bind of the roofline's; experts are
** so much of the products as there. */
static void share_out(orc_step_time *own, const orc_step_time *t)
{
  const double before = kernels(t);
  own->compute = before > 0.0 ? t->compute / before * kernels(own) : 0.0;
  own->experts = t->gemm > 0.0 ? t->experts / t->gemm * own->gemm : 0.0;
}

/* The items of any step by the functions there are. False: it failed, *t is as before. */
static bool price(own_cost *m, const orc_step_cost *c, const orc_step_shape *s, orc_step_time *t)
{
  if (!ready(m)) return false;
  lua_State *L = state_of(m);
  tell_stage(m, L, c);
  tell_shape(m, L, s);
  tell_parts(m, L, t);
  orc_step_time own = *t;
  if (m->step != LUA_NOREF) {
    own = (orc_step_time){ .flops = t->flops, .bytes = t->bytes };
    if (!seconds_by(m, m->step, "step", 0.0, &own.overhead)) return false;
  }
  for (int i = 0; i < ITEMS; i++)
    if (m->item[i] != LUA_NOREF &&
        !seconds_by(m, m->item[i], items[i].name, 0.0, (double *)((char *)&own + items[i].offset)))
      return false;
  if (m->add != LUA_NOREF) {
    double more;
    if (!seconds_by(m, m->add, "add", -sum(&own), &more)) return false;
    own.overhead += more;
  }
  share_out(&own, t);
  *t = own;
  return true;
}

/* ---- steps that only decode ---- */

static orc_step_shape decodes(const orc_step_cost *c, int64_t n, int64_t context)
{
  const int64_t most = n * (int64_t)c->model.sliding_window;
  return (orc_step_shape){ .decode_seqs = n,
                           .decode_context = context,
                           .decode_window = most > 0 && most < context ? most : context,
                           .sampled = n };
}

typedef struct question {
  own_cost *m;
  const orc_step_cost *c;
  int64_t n;
  bool only_add; /* what `decode` does not tell */
} question;

/* s beside the attention that stays the roofline's. */
static double found_at(void *self, int64_t context)
{
  const question *q = self;
  own_cost *m = q->m;
  const orc_step_shape s = decodes(q->c, q->n, context);
  orc_step_time t = orc_step_roofline(q->c, &s);
  if (q->only_add) {
    lua_State *L = state_of(m);
    double more = 0.0;
    if (!ready(m)) return 0.0;
    tell_stage(m, L, q->c);
    tell_shape(m, L, &s);
    tell_parts(m, L, &t);
    seconds_by(m, m->add, "add", -INFINITY, &more);
    return more;
  }
  if (!price(m, q->c, &s, &t)) return 0.0;
  const bool theirs = m->step == LUA_NOREF && m->item[ATTENTION] == LUA_NOREF;
  return sum(&t) - (theirs ? t.attention : 0.0);
}

/* A number of the table on top, or of its place `i`; NAN: there is none. */
static double entry(lua_State *L, int i, const char *key)
{
  if (key != NULL)
    lua_getfield(L, -1, key);
  else
    lua_rawgeti(L, -1, i);
  const double v = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : NAN;
  lua_pop(L, 1);
  return v;
}

/* Whether a piece gives seconds at its beginning, and at its end where there is one. */
static bool sound(const orc_piece *p, double until)
{
  if (!isfinite(p->base) || !isfinite(p->slope)) return false;
  const double least = -1e-12 * (fabs(p->base) + fabs(p->slope) * until);
  return p->base + p->slope * (double)p->from >= least && p->base + p->slope * until >= least;
}

/* The pieces in the results of `decode`, which are at -2 and -1. */
static bool read_pieces(lua_State *L, int64_t n, orc_pieces *out)
{
  if (lua_type(L, -2) == LUA_TNUMBER) {
    if (!lua_isnil(L, -1) && lua_type(L, -1) != LUA_TNUMBER) return false;
    const double slope = lua_isnil(L, -1) ? 0.0 : lua_tonumber(L, -1);
    orc_pieces_add(out, (orc_piece){ n, lua_tonumber(L, -2), slope });
    return true;
  }
  if (lua_type(L, -2) != LUA_TTABLE) return false;
  const int count = (int)lua_rawlen(L, -2);
  for (int i = 1; i <= count; i++) {
    if (lua_rawgeti(L, -2, i) != LUA_TTABLE) {
      lua_pop(L, 1);
      return false;
    }
    const double from = entry(L, 0, "from"), slope = entry(L, 2, NULL);
    const orc_piece p = { isnan(from) ? n : (int64_t)fmin(fmax(ceil(from), 0.0), 1e15),
                          entry(L, 1, NULL), isnan(slope) ? 0.0 : slope };
    lua_pop(L, 1);
    if (isnan(p.base) || (out->count > 0 && p.from <= out->at[out->count - 1].from)) return false;
    orc_pieces_add(out, p);
  }
  return count > 0;
}

/* decode(n, about) */
static void ask_decode(own_cost *m, const orc_step_cost *c, int64_t n, orc_pieces *out)
{
  lua_State *L = state_of(m);
  if (!ready(m)) return;
  tell_stage(m, L, c);
  orc_policy_push(L, m->decode);
  lua_pushinteger(L, (lua_Integer)n);
  lua_rawgeti(L, LUA_REGISTRYINDEX, m->about);
  if (!ask(m, L, 2, 2)) return;
  bool good = read_pieces(L, n, out);
  lua_pop(L, 2);
  const double most = (double)n * c->model.max_position_embeddings;
  for (int i = 0; good && i < out->count; i++)
    good = sound(&out->at[i], i + 1 < out->count ? (double)out->at[i + 1].from
                                                 : fmax(most, (double)out->at[i].from));
  if (good) return;
  char where[ORC_SOURCE_LINE_SIZE], why[300];
  orc_policy_place(L, m->decode, where, sizeof where);
  snprintf(why, sizeof why,
           "%s: decode(%lld): seconds and seconds per token of context expected, or a list of { "
           "base, slope, from = } that rises in `from`, nowhere below 0 s",
           where, (long long)n);
  note(m, why);
}

static bool same_group(const orc_group *a, const orc_group *b)
{
  return a->ranks == b->ranks && a->latency == b->latency && a->bandwidth == b->bandwidth &&
         a->overhead == b->overhead && a->gap == b->gap;
}

/* Whether two stages of one deployment have the same work, on the same GPUs, joined alike. */
static bool alike(const orc_step_cost *a, const orc_step_cost *b)
{
  const orc_hardware *g = &a->hardware, *h = &b->hardware;
  if (a->stage.first_layer != b->stage.first_layer || a->stage.layers != b->stage.layers ||
      g->bandwidth != h->bandwidth || a->reduce.count != b->reduce.count ||
      !same_group(&a->exchange, &b->exchange))
    return false;
  for (int i = 0; i < ORC_DTYPES; i++)
    if (g->flops[i] != h->flops[i]) return false;
  for (int i = 0; i < a->reduce.count; i++) {
    const orc_way *v = &a->reduce.ways[i], *w = &b->reduce.ways[i];
    if (v->algorithm != w->algorithm || v->fabric.port != w->fabric.port ||
        !same_group(&v->fabric.near, &w->fabric.near) ||
        !same_group(&v->fabric.far, &w->fabric.far))
      return false;
  }
  return true;
}

static site *site_of(own_cost *m, const orc_step_cost *c)
{
  for (int i = m->site_count - 1; i >= 0; i--)
    if (alike(&m->sites[i]->cost, c)) return m->sites[i];
  site *s = orc_alloc(1, sizeof *s);
  s->cost = *c;
  m->sites = orc_resize(m->sites, (size_t)m->site_count + 1, sizeof(site *));
  return m->sites[m->site_count++] = s;
}

static const prepared *prepared_of(own_cost *m, const orc_step_cost *c, int64_t n)
{
  site *s = site_of(m, c);
  if (n >= s->room) {
    const int64_t room = 2 * n;
    s->of = orc_resize(s->of, (size_t)room, sizeof *s->of);
    memset(s->of + s->room, 0, (size_t)(room - s->room) * sizeof *s->of);
    s->room = room;
  }
  prepared *p = &s->of[n];
  if (p->found.count > 0) return p;
  question q = { m, c, n, m->decode != LUA_NOREF };
  if (q.only_add) ask_decode(m, c, n, &p->told);
  if (!q.only_add || m->add != LUA_NOREF)
    p->found = orc_pieces_of(found_at, &q, n, n * (int64_t)c->model.max_position_embeddings);
  else
    orc_pieces_add(&p->found, (orc_piece){ n, 0.0, 0.0 });
  return p;
}

static void decode_at(own_cost *m, const orc_step_cost *c, int64_t n, int64_t context,
                      orc_decode_cost *d)
{
  if (m->failed) return;
  const prepared *p = prepared_of(m, c, n);
  if (m->failed) return;
  int64_t from, until;
  if (m->step != LUA_NOREF || m->decode != LUA_NOREF || m->item[ATTENTION] != LUA_NOREF)
    *d = (orc_decode_cost){ .n = n };
  d->fixed = 0.0;
  const orc_piece *found = orc_pieces_find(&p->found, context, &d->from, &d->until);
  orc_step_decode_add(d, found->base, found->slope);
  if (p->told.count == 0) return;
  const orc_piece *told = orc_pieces_find(&p->told, context, &from, &until);
  orc_step_decode_add(d, told->base, told->slope);
  if (from > d->from) d->from = from;
  if (until < d->until) d->until = until;
}

static void decode(void *self, const orc_step_cost *c, int64_t n, int64_t context,
                   orc_decode_cost *d)
{
  own_cost *m = self;
  const int64_t begun = clock_ns();
  decode_at(m, c, n, context, d);
  m->tally->ns += clock_ns() - begun;
}

/* A step that only decodes has the price that runs of them have, where `decode` tells it. */
static void step_at(own_cost *m, const orc_step_cost *c, const orc_step_shape *s, orc_step_time *t)
{
  if (m->decode == LUA_NOREF || s->prefill_tokens > 0) {
    price(m, c, s, t);
    return;
  }
  const int64_t n = s->decode_seqs + s->verified_tokens;
  orc_decode_cost d = orc_step_prepare_decode(c, n);
  decode_at(m, c, n, s->decode_context, &d);
  const double seconds = orc_step_decode(&d, s->decode_context, s->decode_window);
  if (m->failed) return;
  *t = (orc_step_time){ .overhead = seconds, .flops = t->flops, .bytes = t->bytes };
}

static void step(void *self, const orc_step_cost *c, const orc_step_shape *s, orc_step_time *t)
{
  own_cost *m = self;
  const int64_t begun = clock_ns();
  step_at(m, c, s, t);
  m->tally->ns += clock_ns() - begun;
}

/* ---- the userdata ---- */

static int function_at(lua_State *L, int index, const char *key)
{
  lua_pushvalue(L, index);
  const int reference = orc_policy_function(L, "cost", key);
  lua_pop(L, 1);
  return reference;
}

/* A copy of it: what one simulation writes there is no other's. */
static int table_at(lua_State *L, int index, const char *key)
{
  if (lua_getfield(L, index, key) == LUA_TTABLE)
    orc_policy_push_copy(L, -1);
  else
    lua_newtable(L);
  const int reference = luaL_ref(L, LUA_REGISTRYINDEX);
  lua_pop(L, 1);
  return reference;
}

const orc_own_cost *orc_bind_own_cost(lua_State *L, int index, orc_lua_policies *policies)
{
  index = lua_absindex(L, index);
  luaL_checktype(L, index, LUA_TTABLE);
  luaL_checkstack(L, 16, NULL);
  own_cost *m = lua_newuserdatauv(L, sizeof *m, 1);
  *m = (own_cost){ .policies = policies, .L = L };
  m->is = (orc_own_cost){ .self = m, .step = step, .decode = decode };
  m->step = m->add = m->decode = m->shape = m->parts = m->about = LUA_NOREF;
  for (int i = 0; i < ITEMS; i++)
    m->item[i] = LUA_NOREF;
  luaL_setmetatable(L, TYPE);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &tally_key);
  m->tally = lua_touserdata(L, -1);
  lua_pop(L, 1);
  lua_pushvalue(L, index);
  lua_setiuservalue(L, -2, 1); /* the name lives as long */
  lua_pushvalue(L, index);
  m->name = orc_policy_name(L);
  lua_pop(L, 1);
  m->step = function_at(L, index, "step");
  m->add = function_at(L, index, "add");
  m->decode = function_at(L, index, "decode");
  if (lua_getfield(L, index, "items") == LUA_TTABLE)
    for (int i = 0; i < ITEMS; i++)
      m->item[i] = function_at(L, lua_gettop(L), items[i].name);
  lua_pop(L, 1);
  m->about = table_at(L, index, "about");
  lua_newtable(L);
  m->shape = luaL_ref(L, LUA_REGISTRYINDEX);
  lua_newtable(L);
  m->parts = luaL_ref(L, LUA_REGISTRYINDEX);
  m->is.whole = m->step != LUA_NOREF || m->decode != LUA_NOREF;
  return &m->is;
}

void orc_bind_own_cost_check(lua_State *L, const orc_own_cost *own)
{
  const own_cost *m = own->self;
  if (m->failed) orc_bind_raise(L, &m->error);
}

static int collect(lua_State *L)
{
  own_cost *m = luaL_checkudata(L, 1, TYPE);
  const int functions[] = { m->step, m->add, m->decode, m->shape, m->parts, m->about };
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
    luaL_unref(L, LUA_REGISTRYINDEX, functions[i]);
  for (int i = 0; i < ITEMS; i++)
    luaL_unref(L, LUA_REGISTRYINDEX, m->item[i]);
  for (int i = 0; i < m->site_count; i++) {
    for (int64_t n = 0; n < m->sites[i]->room; n++) {
      orc_pieces_done(&m->sites[i]->of[n].told);
      orc_pieces_done(&m->sites[i]->of[n].found);
    }
    free(m->sites[i]->of);
    free(m->sites[i]);
  }
  free(m->sites);
  m->sites = NULL;
  m->site_count = 0;
  m->failed = true; /* nothing asks it any more */
  return 0;
}

int orc_bind_own_cost_asked(lua_State *L)
{
  lua_rawgetp(L, LUA_REGISTRYINDEX, &tally_key);
  const tally *t = lua_touserdata(L, -1);
  lua_pushinteger(L, (lua_Integer)t->calls);
  lua_pushnumber(L, 1e-9 * (double)t->ns);
  return 2;
}

void orc_bind_own_cost_open(lua_State *L)
{
  tally *t = lua_newuserdatauv(L, sizeof *t, 0);
  *t = (tally){ 0 };
  lua_rawsetp(L, LUA_REGISTRYINDEX, &tally_key);
  luaL_newmetatable(L, TYPE);
  lua_pushcfunction(L, collect);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
}
