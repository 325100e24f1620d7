/*
** serve.c - core.serve.new(sim, options) -> server; server:run([descriptor]), server:port(),
** server:totals(), server:close().
** `sim` has a source whose arrivals are "served" (bind/sim/spec_workload.h) and steps every step.
*/
#include <lauxlib.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bind/core.h"
#include "bind/dist.h"
#include "bind/put.h"
#include "bind/sim/state.h"
#include "cluster/cluster.h"
#include "serve/service.h"

static const char type_name[] = "oracle.server";

enum { SIM = 1, OPTIONS = 2, SLOTS = 2 }; /* what the server keeps alive */

typedef struct server {
  orc_service *service;
  orc_sim *sim;
  lua_State *L; /* of the call at hand */
  int self;     /* where the server is on its stack */
  orc_dist output;
  orc_metric_family *families;
  double **bounds;
  int family_count;
  orc_time due; /* of the processes beside, ns; ORC_NEVER */
} server;

static server *self(lua_State *L)
{
  server *v = luaL_checkudata(L, 1, type_name);
  if (v->service == NULL) orc_bind_fail(L, "this server is closed");
  v->L = L;
  v->self = 1;
  return v;
}

/* ---- what the server asks ---- */

/* Push a function of the options; false: there is none, and nothing is pushed. */
static bool push_function(const server *v, const char *name)
{
  lua_getiuservalue(v->L, v->self, OPTIONS);
  const bool there = lua_getfield(v->L, -1, name) == LUA_TFUNCTION;
  lua_remove(v->L, -2);
  if (!there) lua_pop(v->L, 1);
  return there;
}

/* Call what was pushed with `arguments`, outside the simulation. False: its error is on the stack. */
static bool call(server *v, int arguments, int results)
{
  orc_bind_end(v->sim);
  const bool good = lua_pcall(v->L, arguments, results, 0) == LUA_OK;
  orc_bind_begin(v->sim, v->L);
  return good;
}

static bool raised(server *v, orc_error *e)
{
  const char *what = lua_tostring(v->L, -1);
  orc_fail(e, "%s", what != NULL ? what : "an error without words");
  lua_pop(v->L, 1);
  return false;
}

/* Ask the processes beside when they want to be run next. */
static bool ask_due(server *v, orc_error *e)
{
  v->due = ORC_NEVER;
  if (!push_function(v, "due")) return true;
  if (!call(v, 0, 1)) return raised(v, e);
  if (lua_isinteger(v->L, -1)) v->due = lua_tointeger(v->L, -1);
  lua_pop(v->L, 1);
  return true;
}

static bool run_processes(server *v, orc_time now, orc_error *e)
{
  if (!push_function(v, "process")) return true;
  lua_pushinteger(v->L, now);
  return call(v, 1, 0) ? ask_due(v, e) : raised(v, e);
}

/* A tick of the watchdog only makes it look. */
static bool advance(void *p, orc_time until, orc_error *e)
{
  server *v = p;
  orc_cluster *c = v->sim->cluster;
  do {
    c->interrupted = false;
    v->sim->watch.pause = 0;
    if (!orc_cluster_run(c, until, e)) {
      v->sim->failed = true;
      return false;
    }
  } while (c->interrupted);
  return until < v->due || run_processes(v, until, e);
}

static orc_time due(void *p)
{
  const server *v = p;
  return v->due;
}

static int order(void *p, const char *name, const char *query, orc_text *out, const char **type)
{
  server *v = p;
  int status = 500;
  if (!push_function(v, "order")) return 404;
  lua_pushstring(v->L, name);
  lua_pushstring(v->L, query);
  if (call(v, 2, 2)) {
    status = (int)lua_tointeger(v->L, -2);
    size_t length = 0;
    const char *text = lua_tolstring(v->L, -1, &length);
    if (text != NULL) orc_text_bytes(out, text, length);
    lua_pop(v->L, 2);
  } else {
    lua_pop(v->L, 1); /* what Lua says of it is not for clients */
  }
  *type = out->length > 0 ? "application/json" : "";
  return status;
}

/* ---- options ---- */

static const char *text_or(lua_State *L, const char *key, const char *otherwise)
{
  lua_getfield(L, 2, key);
  const char *text = luaL_optstring(L, -1, otherwise);
  lua_pop(L, 1); /* the table keeps it */
  return text;
}

static int whole_or(lua_State *L, const char *key, int otherwise)
{
  const int64_t n = orc_bind_integer_or(L, 2, "serve", key, otherwise);
  if (n < 0 || n > INT32_MAX) orc_bind_fail(L, "serve.%s: a whole number expected", key);
  return (int)n;
}

/* The bounds of a family, which is on top. */
static void read_bounds(lua_State *L, server *v, int i)
{
  if (lua_getfield(L, -1, "bounds") == LUA_TTABLE) {
    const int n = (int)lua_rawlen(L, -1);
    v->bounds[i] = orc_alloc((size_t)n, sizeof **v->bounds);
    for (int k = 0; k < n; k++) {
      lua_rawgeti(L, -1, k + 1);
      v->bounds[i][k] = luaL_checknumber(L, -1);
      lua_pop(L, 1);
    }
    v->families[i].bounds = v->bounds[i];
    v->families[i].bound_count = n;
  }
  lua_pop(L, 1);
}

/* options.families: { { name =, type =, help =, bounds = }, ... }. */
static void read_families(lua_State *L, server *v)
{
  if (lua_getfield(L, 2, "families") == LUA_TTABLE) {
    const int n = (int)lua_rawlen(L, -1);
    v->families = orc_alloc((size_t)n, sizeof *v->families);
    v->bounds = orc_alloc((size_t)n, sizeof *v->bounds);
    v->family_count = n;
    for (int i = 0; i < n; i++) {
      const char **texts[] = { &v->families[i].name, &v->families[i].type, &v->families[i].help };
      static const char *const keys[] = { "name", "type", "help" };
      lua_rawgeti(L, -1, i + 1);
      for (int k = 0; k < 3; k++) {
        lua_getfield(L, -1, keys[k]);
        *texts[k] = luaL_checkstring(L, -1);
        lua_pop(L, 1);
      }
      read_bounds(L, v, i);
      lua_pop(L, 1);
    }
  }
  lua_pop(L, 1);
}

static void read_limits(lua_State *L, orc_limits *l)
{
  l->connections = whole_or(L, "connections", l->connections);
  l->streams = whole_or(L, "streams", l->streams);
  l->body = (size_t)whole_or(L, "body", (int)l->body);
  l->unsent = (size_t)whole_or(L, "unsent", (int)l->unsent);
  l->header_seconds = whole_or(L, "header_seconds", l->header_seconds);
  l->idle_seconds = whole_or(L, "idle_seconds", l->idle_seconds);
}

static orc_service_options read_options(lua_State *L, server *v)
{
  read_families(L, v);
  const bool drawn = lua_getfield(L, 2, "output") == LUA_TTABLE;
  lua_pop(L, 1);
  if (drawn) orc_bind_dist(L, 2, "serve", "output", &v->output);
  orc_service_options o = {
    .host = text_or(L, "host", "127.0.0.1"),
    .port = whole_or(L, "port", 0),
    .speed = orc_bind_number_or(L, 2, "serve", "speed", 1.0),
    .model = text_or(L, "model", "model"),
    .version = text_or(L, "version", ""),
    .page = text_or(L, "page", ""),
    .api_key = text_or(L, "api_key", NULL),
    .admin = orc_bind_bool_or(L, 2, "serve", "admin", false),
    .max_model_len = whole_or(L, "max_model_len", INT32_MAX),
    .output = drawn ? &v->output : NULL,
    .seed = (uint64_t)orc_bind_integer_or(L, 2, "serve", "seed", 0),
    .usd_per_hour = orc_bind_number_or(L, 2, "serve", "usd_per_hour", NAN),
    .record = text_or(L, "record", NULL),
    .limits = orc_limits_usual(),
    .families = v->families,
    .family_count = v->family_count,
    .drain_seconds = orc_bind_number_or(L, 2, "serve", "drain_seconds", 30.0),
  };
  if (!(o.speed > 0.0)) orc_bind_fail(L, "serve.speed: a number above 0 expected");
  read_limits(L, &o.limits);
  return o;
}

/* ---- its life ---- */

static void release(server *v)
{
  orc_service_free(v->service);
  orc_dist_done(&v->output);
  for (int i = 0; i < v->family_count; i++)
    free(v->bounds[i]);
  free(v->bounds);
  free(v->families);
  *v = (server){ .due = ORC_NEVER };
}

/* The simulation may have been collected before, when the program ends. */
static int collect(lua_State *L)
{
  server *v = luaL_checkudata(L, 1, type_name);
  release(v);
  return 0;
}

static int new (lua_State *L)
{
  orc_sim *sim = orc_bind_idle_sim(L);
  luaL_checktype(L, 2, LUA_TTABLE);
  luaL_argcheck(L, sim->is_served, 1, "a simulation whose requests are served expected");
  lua_settop(L, 2);
  server *v = lua_newuserdatauv(L, sizeof *v, SLOTS); /* [sim, options, server] */
  *v = (server){ .sim = sim, .due = ORC_NEVER, .L = L, .self = 3 };
  luaL_setmetatable(L, type_name);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, 3, SIM);
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, 3, OPTIONS);
  const orc_service_options o = read_options(L, v);
  const orc_service_host host = { .self = v, .advance = advance, .due = due, .order = order };
  orc_error e = { 0 };
  v->service = orc_service_new(&o, &host, sim->cluster, sim->served, &e);
  if (v->service == NULL) orc_bind_raise(L, &e);
  orc_bind_begin(sim, L);
  const bool good = ask_due(v, &e);
  orc_bind_end(sim);
  if (!good) orc_bind_raise(L, &e);
  return 1;
}

/* server:run([descriptor]) -> true: it is over; false: the descriptor can be read */
static int run(lua_State *L)
{
  server *v = self(L);
  const int watch = (int)luaL_optinteger(L, 2, -1);
  orc_error e = { 0 };
  v->sim->policies.L = L;
  orc_bind_begin(v->sim, L);
  const bool good = orc_service_run(v->service, watch, &e);
  orc_bind_end(v->sim);
  if (!good) orc_bind_raise(L, &e);
  lua_pushboolean(L, orc_service_over(v->service));
  return 1;
}

static int port(lua_State *L)
{
  lua_pushinteger(L, orc_service_port(self(L)->service));
  return 1;
}

static int totals(lua_State *L)
{
  const orc_service_totals t = orc_service_totals_of(self(L)->service);
  lua_createtable(L, 0, 12);
  orc_bind_put_count(L, "requests", t.requests);
  orc_bind_put_count(L, "refused", t.refused);
  orc_bind_put_count(L, "aborted", t.aborted);
  orc_bind_put_count(L, "tokens", t.tokens);
  orc_bind_put_count(L, "chunks", t.chunks);
  orc_bind_put_count(L, "accepted", t.accepted);
  orc_bind_put_count(L, "dropped", t.dropped);
  orc_bind_put_number(L, "late_p50", t.late_p50);
  orc_bind_put_number(L, "late_p99", t.late_p99);
  orc_bind_put_number(L, "late_most", t.late_most);
  orc_bind_put_number(L, "slipped", t.slipped);
  return 1;
}

/* server:sleep(asleep): takes requests no more, or again */
static int doze(lua_State *L)
{
  orc_service_sleep(self(L)->service, lua_toboolean(L, 2));
  return 0;
}

/* server:close(): raises what could not be written */
static int close(lua_State *L)
{
  server *v = self(L);
  orc_error e = { 0 };
  v->sim->policies.L = L;
  orc_bind_begin(v->sim, L);
  const bool good = orc_service_close(v->service, &e);
  orc_bind_end(v->sim);
  release(v);
  if (!good) orc_bind_raise(L, &e);
  return 0;
}

int orc_bind_serve(lua_State *L)
{
  static const luaL_Reg methods[] = { { "run", run },    { "port", port },   { "totals", totals },
                                      { "sleep", doze }, { "close", close }, { NULL, NULL } };
  static const luaL_Reg functions[] = { { "new", new }, { NULL, NULL } };
  luaL_newmetatable(L, type_name);
  lua_pushcfunction(L, collect);
  lua_setfield(L, -2, "__gc");
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  luaL_newlib(L, functions);
  return 1;
}
