#include "bind/workload/generator.h"

#include <inttypes.h>
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "bind/policy/call.h"
#include "bind/policy/source_line.h"
#include "bind/put.h"
#include "bind/workload/chance.h"
#include "bind/workload/rows.h"

enum { AHEAD = 256, SOURCE_SHIFT = 48 }; /* requests that are asked for ahead of their time */
enum { FIRST = 31, FOLLOWING = 32 };     /* kinds of keys */

/* What is remembered of a request until it is answered. */
typedef struct kept {
  uint64_t key;  /* of the draws of its answer */
  int data;      /* reference: its script's own; LUA_NOREF: none */
  uint32_t next; /* in the list of free ones */
} kept;

typedef struct script {
  orc_lua_policies *policies;
  const char *name;
  lua_State *main;                /* there as long as all of Lua is */
  int next, fill, answered, rows; /* references; LUA_NOREF where there is none */
  int g, block, thread;           /* references */
  lua_State *coroutine;           /* in which `next` runs */
  lua_Integer listed;             /* of `rows`, those given */
  orc_rows reading;               /* of next, fill and rows */
  orc_rows following;             /* of answered */
  orc_rng rng;
  uint64_t seed;
  uint16_t source;
  kept *kept; /* [room]; 0 is not used */
  uint32_t count, room, free;
  bool over;               /* next has returned nil */
  bool own;                /* what may be wrong now is a value of the script's, not the script */
  bool placed;             /* the error that is being told has its line */
  orc_error late;          /* what is wrong with the request behind those that were given */
  orc_request_block *into; /* during a call */
  const orc_outcome *of;   /* during a call of answered */
} script;

static lua_State *state(const script *s)
{
  return s->policies->L != NULL ? s->policies->L : s->main;
}

/* ---- what is remembered ---- */

static uint32_t keep(script *s, uint64_t key, int data)
{
  uint32_t index = s->free;
  if (index != 0) {
    s->free = s->kept[index].next;
  } else {
    if (s->count == 0) s->count = 1;
    if (s->count >= s->room) {
      s->room = s->room == 0 ? 64 : 2 * s->room;
      s->kept = orc_resize(s->kept, s->room, sizeof *s->kept);
    }
    index = s->count++;
  }
  s->kept[index] = (kept){ .key = key, .data = data };
  return index;
}

static void forget(script *s, lua_State *L, uint32_t index)
{
  luaL_unref(L, LUA_REGISTRYINDEX, s->kept[index].data);
  s->kept[index] = (kept){ .data = LUA_NOREF, .next = s->free };
  s->free = index;
}

/* The row read last, in the table on top of the stack, is remembered until it is answered. */
static void remember(script *s, lua_State *L, const orc_rows *r, uint64_t key)
{
  int data = LUA_NOREF;
  if (r->has_data) {
    lua_getfield(L, -1, "data");
    data = luaL_ref(L, LUA_REGISTRYINDEX);
  }
  s->into->tag[s->into->count - 1] = keep(s, key, data);
}

/* ---- next ---- */

static void set_now(lua_State *L, const script *s, double now)
{
  lua_rawgeti(L, LUA_REGISTRYINDEX, s->g);
  lua_pushliteral(L, "now");
  lua_pushnumber(L, now);
  lua_rawset(L, -3);
  lua_pop(L, 1);
}

/* [handler, false or true, result] once `next` has returned or raised, which it may do after it has yielded. */
static int returned(lua_State *co, int status, lua_KContext unused)
{
  (void)unused;
  lua_pushboolean(co, status == LUA_OK || status == LUA_YIELD);
  lua_insert(co, -2);
  return 2;
}

/* (next, g) -> whether it returned, what it returned or raised. */
static int call_next(lua_State *co)
{
  lua_pushcfunction(co, orc_source_line_handler);
  lua_insert(co, 1);
  return returned(co, lua_pcallk(co, 1, 1, 1, 0, returned), 0);
}

/* Go on with `next` in its coroutine; pushes what it returns or yields, raises what it raises. */
static void resume(lua_State *L, script *s)
{
  lua_State *co = s->coroutine;
  orc_watchdog *watch = s->policies->watch;
  int args = 0, n;
  if (lua_status(co) == LUA_OK) {
    lua_settop(co, 0);
    lua_pushcfunction(co, call_next);
    lua_rawgeti(co, LUA_REGISTRYINDEX, s->next);
    lua_rawgeti(co, LUA_REGISTRYINDEX, s->g);
    args = 2;
  }
  watch->L = co; /* its hook stops what runs, and that is the coroutine */
  const int status = lua_resume(co, L, args, &n);
  watch->L = L;
  if (status == LUA_YIELD) {
    lua_settop(co, lua_gettop(co) - n + (n > 0)); /* the first value alone */
    if (n == 0) lua_pushnil(co);
    lua_xmove(co, L, 1);
    return;
  }
  const bool good = status == LUA_OK && lua_toboolean(co, -2);
  lua_xmove(co, L, 1);
  if (!good) lua_error(L);
}

/* Put before *e where in the script the value is from that is wrong. */
static void add_line(lua_State *L, const script *s, orc_error *e)
{
  char at[ORC_SOURCE_LINE_SIZE];
  const orc_error why = *e;
  const int function = s->of != NULL ? s->answered : s->next != LUA_NOREF ? s->next : s->fill;
  const bool yielded =
      s->of == NULL && s->coroutine != NULL && lua_status(s->coroutine) == LUA_YIELD;
  if (yielded && orc_source_line_line(s->coroutine, at, sizeof at)) {
    orc_fail(e, "%s: %s", at, why.msg);
  } else if (function != LUA_NOREF) {
    orc_policy_place(L, function, at, sizeof at);
    orc_fail(e, "%s: %s", at, why.msg);
  }
}

/* ---- protected calls: (script) ---- */

static int take_rows(lua_State *L)
{
  script *s = lua_touserdata(L, 1);
  orc_request_block *b = s->into;
  while (b->count < b->room && !s->over) {
    set_now(L, s, s->reading.clock);
    resume(L, s);
    s->own = true;
    s->over = lua_isnil(L, -1);
    if (!s->over) {
      orc_rows_read(L, &s->reading, b);
      if (s->answered != LUA_NOREF)
        remember(s, L, &s->reading, orc_prompt_text(FIRST, s->source, (uint64_t)s->reading.drawn));
    }
    s->own = false;
    lua_settop(L, 1);
  }
  return 0;
}

static int take_block(lua_State *L)
{
  script *s = lua_touserdata(L, 1);
  orc_request_block *b = s->into;
  set_now(L, s, s->reading.clock);
  lua_rawgeti(L, LUA_REGISTRYINDEX, s->block);
  lua_rawgeti(L, LUA_REGISTRYINDEX, s->fill);
  lua_rawgeti(L, LUA_REGISTRYINDEX, s->g);
  lua_pushvalue(L, 2);
  lua_call(L, 2, 1);
  s->own = true;
  int is_whole = 1;
  const lua_Integer n = lua_isnil(L, -1) ? 0 : lua_tointegerx(L, -1, &is_whole);
  if (!is_whole || n < 0 || n > b->room)
    orc_bind_fail(L, "fill: how many rows it has filled expected, from 0 to %d, or nil; got %s",
                  b->room, luaL_tolstring(L, -1, NULL));
  const int64_t drawn = s->reading.drawn;
  const bool good = orc_rows_read_columns(L, 2, &s->reading, (int)n, b);
  for (int i = 0; s->answered != LUA_NOREF && i < b->count; i++)
    b->tag[i] = keep(s, orc_prompt_text(FIRST, s->source, (uint64_t)(drawn + i + 1)), LUA_NOREF);
  if (!good) lua_error(L);
  s->own = false;
  return 0;
}

/* What is sent comes by itself. */
static int take_none(lua_State *L)
{
  (void)L;
  return 0;
}

static int take_listed(lua_State *L)
{
  script *s = lua_touserdata(L, 1);
  orc_request_block *b = s->into;
  lua_rawgeti(L, LUA_REGISTRYINDEX, s->rows);
  s->own = true;
  for (; b->count < b->room; lua_settop(L, 2)) {
    if (lua_rawgeti(L, 2, s->listed + 1) == LUA_TNIL) break;
    orc_rows_read(L, &s->reading, b);
    s->listed++;
  }
  s->own = false;
  return 0;
}

/* What answered learns of a request. */
static void push_outcome(lua_State *L, const script *s)
{
  const orc_outcome *of = s->of;
  const orc_arrival *in = of->in;
  lua_createtable(L, 0, 18);
  orc_bind_put_integer(L, "number", (int64_t)of->number + 1);
  orc_bind_put_integer(L, "prompt", in->prompt);
  orc_bind_put_integer(L, "output", in->output);
  orc_bind_put_integer(L, "max_output", in->max_output);
  orc_bind_put_integer(L, "generated", of->generated);
  orc_bind_put_integer(L, "cached", of->cached);
  orc_bind_put_integer(L, "client", in->client);
  orc_bind_put_integer(L, "priority", in->priority);
  if (in->session != 0)
    orc_bind_put_integer(L, "session",
                         (int64_t)(in->session & ((UINT64_C(1) << SOURCE_SHIFT) - 1)));
  if (in->turn != 0) orc_bind_put_integer(L, "turn", in->turn);
  orc_bind_put_number(L, "arrival", (double)in->time / 1e9);
  orc_bind_put_number(L, "ended", (double)of->ended / 1e9);
  if (of->first_token >= 0) orc_bind_put_number(L, "first_token", (double)of->first_token / 1e9);
  lua_pushstring(L, orc_status_name(of->status));
  lua_setfield(L, -2, "status");
  lua_pushboolean(L, of->status == ORC_SUCCESS);
  lua_setfield(L, -2, "ok");
  if (s->kept[in->tag].data != LUA_NOREF) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, s->kept[in->tag].data);
    lua_setfield(L, -2, "data");
  }
}

static int take_answer(lua_State *L)
{
  script *s = lua_touserdata(L, 1);
  const uint64_t key = s->kept[s->of->in->tag].key;
  set_now(L, s, (double)s->of->ended / 1e9);
  lua_rawgeti(L, LUA_REGISTRYINDEX, s->answered);
  lua_rawgeti(L, LUA_REGISTRYINDEX, s->g);
  push_outcome(L, s);
  lua_call(L, 2, 1);
  s->own = true;
  if (!lua_isnil(L, -1)) {
    s->following.follows = true;
    s->following.clock = (double)s->of->ended / 1e9;
    s->into->profile[0] = s->of->in->profile;
    orc_rows_read(L, &s->following, s->into);
    remember(s, L, &s->following, orc_prompt_text(FOLLOWING, key, 0));
  }
  s->own = false;
  return 0;
}

/* ---- what the source calls ---- */

/* Call one of these; false with *e. */
static bool call(script *s, lua_CFunction f, orc_rng *rng, orc_error *e)
{
  lua_State *L = state(s);
  lua_pushcfunction(L, orc_source_line_handler);
  lua_pushcfunction(L, f);
  lua_pushlightuserdata(L, s);
  s->own = false;
  const int status = orc_policy_call(s->policies, 1, 0, rng);
  if (status == LUA_OK) return true;
  const char *why = lua_tostring(L, -1);
  const bool greedy = orc_policy_took_memory(L, status);
  if (greedy)
    orc_fail(e, "it took more than %d MiB of memory", ORC_WATCHDOG_MEMORY_MIB);
  else
    orc_fail(e, "%s", why != NULL ? why : "an error without a message");
  if (greedy || s->own || why == NULL) add_line(L, s, e);
  lua_pop(L, 1);
  return false;
}

static bool fill(void *self, orc_request_block *b, orc_error *e)
{
  script *s = self;
  s->into = b;
  s->of = NULL;
  s->placed = s->late.code != 0;
  if (s->placed) {
    *e = s->late;
    return false;
  }
  const lua_CFunction how = s->rows != LUA_NOREF   ? take_listed
                            : s->next != LUA_NOREF ? take_rows
                            : s->fill != LUA_NOREF ? take_block
                                                   : take_none;
  if (call(s, how, &s->rng, &s->late)) return true;
  if (b->count > 0) return true; /* those before it come first */
  s->placed = true;
  *e = s->late;
  return false;
}

static bool follow(void *self, const orc_outcome *of, orc_request_block *b, orc_error *e)
{
  script *s = self;
  const uint32_t tag = of->in->tag;
  orc_rng rng = orc_rng_stream(s->seed, ORC_FOR_SCRIPTS, s->kept[tag].key);
  s->into = b;
  s->of = of;
  const bool good = call(s, take_answer, &rng, e);
  s->placed = !good;
  forget(s, state(s), tag);
  return good;
}

/* Of what `answered` returned, the request that was answered is meant. */
static void explain_answer(const script *s, orc_error *e)
{
  const orc_error why = *e;
  orc_fail(e, "at t=%.6f s, answer to request %" PRIu64 " of workload \"%s\": %s",
           (double)s->of->ended / 1e9, s->of->number + 1, s->name, why.msg);
}

void orc_script_explain(const orc_lua_policies *p, const char *name, int64_t number, orc_error *e)
{
  const orc_error why = *e;
  orc_fail(e, "at t=%.6f s, request %" PRId64 " of workload \"%s\": %s",
           p->of != NULL ? (double)p->of->engine.now * 1e-9 : 0.0, number, name, why.msg);
}

static void explain(void *self, int64_t number, orc_error *e)
{
  script *s = self;
  if (!s->placed) add_line(state(s), s, e);
  if (s->of != NULL)
    explain_answer(s, e);
  else
    orc_script_explain(s->policies, s->name, number, e);
}

static void done(void *self)
{
  script *s = self;
  lua_State *L = state(s);
  const int references[] = { s->next, s->fill, s->answered, s->rows, s->g, s->block, s->thread };
  for (size_t i = 0; i < sizeof references / sizeof *references; i++)
    luaL_unref(L, LUA_REGISTRYINDEX, references[i]);
  for (uint32_t i = 1; i < s->count; i++)
    luaL_unref(L, LUA_REGISTRYINDEX, s->kept[i].data);
  orc_rows_done(L, &s->reading);
  orc_rows_done(L, &s->following);
  free(s->kept);
  free(s);
}

/* ---- reading ---- */

int orc_script_classes(lua_State *L, int index)
{
  int n = 0;
  if (lua_getfield(L, index, "generator") == LUA_TTABLE) {
    if (lua_getfield(L, -1, "classes") == LUA_TTABLE) n = (int)lua_rawlen(L, -1);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  return n;
}

/* The classes of the generator on top of the stack, each with its profile. */
static int read_classes(lua_State *L, uint16_t first)
{
  if (lua_getfield(L, -1, "classes") != LUA_TTABLE) {
    lua_pop(L, 1);
    return LUA_NOREF;
  }
  lua_newtable(L);
  const lua_Integer n = (lua_Integer)lua_rawlen(L, -2);
  for (lua_Integer i = 1; i <= n; i++) {
    if (lua_rawgeti(L, -2, i) != LUA_TSTRING)
      orc_bind_fail(L, "workload.classes: a list of names expected");
    lua_pushinteger(L, first + i - 1);
    lua_rawset(L, -3);
  }
  const int reference = luaL_ref(L, LUA_REGISTRYINDEX);
  lua_pop(L, 1);
  return reference;
}

/* The table g: draws, and what the scenario sets. */
static int make_g(lua_State *L)
{
  orc_bind_chance(L);
  if (lua_getfield(L, -2, "params") == LUA_TTABLE) {
    orc_policy_push_deep_copy(L, -1);
    lua_setfield(L, -3, "params");
  }
  lua_pop(L, 1);
  return luaL_ref(L, LUA_REGISTRYINDEX);
}

/* The generator on top of the stack. */
static void read_generator(lua_State *L, script *s, const orc_script_options *o)
{
  static const char what[] = "workload.generator";
  s->next = orc_policy_function(L, what, "next");
  s->fill = orc_policy_function(L, what, "fill");
  s->answered = orc_policy_function(L, what, "answered");
  if (o->open ? s->answered == LUA_NOREF : (s->next == LUA_NOREF) == (s->fill == LUA_NOREF))
    orc_bind_fail(L, "%s: %s", what,
                  o->open ? "answered expected" : "next or fill expected, and one of them alone");
  s->reading.classes = read_classes(L, o->first_class);
  s->following.classes = read_classes(L, o->first_class);
  s->g = make_g(L);
  if (s->next != LUA_NOREF) {
    s->coroutine = lua_newthread(L);
    s->thread = luaL_ref(L, LUA_REGISTRYINDEX);
  } else if (s->fill != LUA_NOREF) {
    orc_rows_push_columns(L, ORC_BLOCK_MOST);
    s->block = luaL_ref(L, LUA_REGISTRYINDEX);
  }
}

orc_source orc_script_source(lua_State *L, int index, const orc_script_options *o)
{
  script *s = orc_alloc(1, sizeof *s);
  *s = (script){ .policies = o->policies, .name = o->name, .seed = o->seed, .source = o->source };
  s->next = s->fill = s->answered = s->rows = s->g = s->block = s->thread = LUA_NOREF;
  s->rng = orc_rng_stream(o->seed, ORC_FOR_SCRIPTS, (uint64_t)o->source);
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
  s->main = lua_tothread(L, -1);
  lua_pop(L, 1);
  orc_rows_init(L, &s->reading, o->source);
  orc_rows_init(L, &s->following, o->source);
  s->following.drawn = INT64_C(1) << 40; /* sessions it opens are not those of the others */
  orc_generator_options options = o->of;
  if (lua_getfield(L, index, "generator") == LUA_TTABLE) {
    read_generator(L, s, o);
    options.told = options.told || s->answered != LUA_NOREF;
    options.room = s->fill != LUA_NOREF ? ORC_BLOCK_MOST : s->answered != LUA_NOREF ? 1 : AHEAD;
    options.open = o->open;
  } else {
    lua_getfield(L, index, "rows");
    luaL_checktype(L, -1, LUA_TTABLE);
    s->rows = luaL_ref(L, LUA_REGISTRYINDEX);
    options.room = AHEAD;
  }
  lua_pop(L, 1);
  const orc_generator of = { .self = s,
                             .fill = fill,
                             .follow = s->answered != LUA_NOREF ? follow : NULL,
                             .explain = explain,
                             .done = done };
  return orc_source_generator(&of, &options);
}

bool orc_script_send(lua_State *L, const orc_source *source, orc_time now, orc_arrival *out)
{
  script *s = orc_generator_of(source)->self;
  orc_error e = { 0 };
  s->into = orc_generator_row(source);
  s->following.follows = true;
  s->following.clock = (double)now / 1e9;
  orc_rows_read(L, &s->following, s->into);
  if (s->into->continues[0] || s->into->repeats[0])
    orc_bind_fail(L, "continues, repeats: only of what answered returns, which follows a request");
  const bool comes = orc_generator_send(source, now, out, &e);
  if (!comes && e.code != 0) orc_bind_raise(L, &e);
  if (!comes) return false;
  const uint64_t number = (uint64_t)s->following.drawn;
  lua_getfield(L, -1, "data");
  out->tag = keep(s, orc_prompt_text(FOLLOWING, s->source, number), luaL_ref(L, LUA_REGISTRYINDEX));
  return true;
}
