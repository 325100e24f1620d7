#include "bind/sim/slices.h"

#include <lauxlib.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bind/error.h"
#include "bind/host/state.h"
#include "bind/host/threads.h"
#include "bind/policy/watchdog.h"
#include "bind/sim/state.h"
#include "cluster/control.h"
#include "cluster/slice.h"

static const char type_name[] = "oracle.slices";
static const char kept[] = "a policy keeps things elsewhere than in what it has of each replica";

typedef struct group group;

/* A thread with a simulation of its own; the first is that of the caller. */
typedef struct runner {
  group *of;
  int index;
  pthread_t thread;
  lua_State *L; /* its own; NULL: it has not begun */
  orc_sim *sim; /* NULL: it could not be made */
} runner;

struct group {
  orc_slices slices;
  runner *runners; /* [slices.count] */
  int running;     /* threads to be waited for, the caller's among them */
  orc_csv *csv;    /* all write to it, so none closes it */
  const char *home;
  const char *module, *argument; /* as long as the group */
  size_t argument_length;
  bool open;
};

/* ---- in a thread ---- */

/* [runner] */
static int simulate(lua_State *L)
{
  runner *r = lua_touserdata(L, 1);
  const group *g = r->of;
  lua_getglobal(L, "require");
  lua_pushstring(L, g->module);
  lua_call(L, 1, 1);
  lua_getfield(L, -1, "worker");
  lua_pushlstring(L, g->argument, g->argument_length);
  lua_call(L, 1, 2);
  lua_remove(L, 2); /* [runner, simulation, check] */
  orc_sim *s = luaL_checkudata(L, 2, ORC_BIND_SIM_TYPE);
  lua_pushvalue(L, 2);
  luaL_ref(L, LUA_REGISTRYINDEX); /* until the state is closed */
  s->cluster->csv = g->csv;
  orc_slice_begin(&r->of->slices, r->index, s->cluster);
  r->sim = s;
  lua_getfield(L, 2, "run");
  lua_pushvalue(L, 2);
  lua_call(L, 1, 0);
  lua_call(L, 0, 1);
  if (!lua_toboolean(L, -1)) g->slices.at[r->index].unlike = kept;
  return 0;
}

static void *work(void *self)
{
  runner *r = self;
  r->L = orc_state_new(r->of->home);
  orc_watchdog_mind(r->L, true);
  lua_pushcfunction(r->L, simulate);
  lua_pushlightuserdata(r->L, r);
  const bool good = lua_pcall(r->L, 1, 0, 0) == LUA_OK;
  orc_watchdog_mind(r->L, false);
  orc_slice_end(&r->of->slices.at[r->index], !good);
  return NULL;
}

/* ---- in the thread of the caller ---- */

/* False: a thread could not be started. */
static bool start(group *g)
{
  sigset_t before;
  orc_threads_begin_start(&before);
  bool good = true;
  for (g->running = 1; good && g->running < g->slices.count; g->running += good)
    good = pthread_create(&g->runners[g->running].thread, NULL, work, &g->runners[g->running]) == 0;
  orc_threads_end_start(&before);
  return good;
}

static void wait_for_all(group *g, bool failed)
{
  if (g->running == 0) return;
  orc_slice_end(&g->slices.at[0], failed);
  for (int i = 1; i < g->running; i++)
    pthread_join(g->runners[i].thread, NULL);
  g->running = 0;
}

static bool is_over(const orc_cluster *c)
{
  return orc_control_over(c) && !c->interrupted;
}

static void begin(const runner *r)
{
  orc_bind_begin(r->sim, r->sim->policies.L);
}

/* The processor's time this thread has had, ms. */
static int64_t worked_ms(void)
{
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Up to `time`, in stretches, as long as the work of who waits for the end is not `patience` (ms). */
static bool catch_up(orc_cluster *c, orc_time time, int64_t patience)
{
  enum { STRETCHES = 64 };
  const orc_time from = c->engine.now, stretch = time > from ? (time - from) / STRETCHES + 1 : 1;
  const bool hurries = c->interrupted;
  bool good = true;
  for (orc_time at = from; good && at < time;) {
    if (hurries && worked_ms() >= patience) return true;
    at = time - at > stretch ? at + stretch : time;
    good = orc_control_catch_up(c, at, NULL);
  }
  return good && (from < time || orc_control_catch_up(c, time, NULL));
}

/* All slices to the moment of the one that came furthest: where one alone would stand; as far as can be where somebody
** interrupted them. */
static bool meet(const group *g)
{
  enum { PATIENCE_MS = 30 };
  const int64_t patience = worked_ms() + PATIENCE_MS;
  orc_time time = 0;
  bool good = true;
  for (int i = 0; good && i < g->slices.count; i++) {
    orc_cluster *c = g->slices.at[i].cluster;
    if (c->interrupted) {
      begin(&g->runners[i]);
      good = orc_control_settle(c, NULL);
      orc_bind_end(g->runners[i].sim);
      c->interrupted = true;
    }
    const orc_time at = is_over(c) ? g->slices.at[i].ended : c->engine.now;
    if (at > time) time = at;
  }
  for (int i = 0; good && i < g->slices.count; i++) {
    begin(&g->runners[i]);
    good = catch_up(g->slices.at[i].cluster, time, patience);
    orc_bind_end(g->runners[i].sim);
  }
  return good;
}

static group *self(lua_State *L)
{
  group *g = luaL_checkudata(L, 1, type_name);
  if (!g->open) orc_bind_fail(L, "these threads are closed");
  return g;
}

static int join(lua_State *L)
{
  group *g = self(L);
  wait_for_all(g, g->slices.at[0].cluster->failure.code != 0);
  if (!lua_toboolean(L, 2)) g->slices.at[0].unlike = kept;
  bool good = !atomic_load(&g->slices.failed) && meet(g);
  const char *why = orc_slices_differ(&g->slices);
  good = good && why == NULL;
  if (good) {
    orc_slices_join(&g->slices);
    g->runners[0].sim->csv = g->csv;
  } else if (g->csv != NULL) {
    orc_csv_close(g->csv, NULL);
  }
  g->csv = NULL;
  lua_pushboolean(L, good);
  lua_pushstring(L, why);
  return 2;
}

static void end(group *g)
{
  if (!g->open) return;
  g->open = false;
  orc_slices_part(&g->slices);
  for (int i = 1; i < g->slices.count; i++)
    if (g->runners[i].L != NULL) lua_close(g->runners[i].L);
  if (g->csv != NULL) orc_csv_close(g->csv, NULL);
  g->runners[0].sim->cluster->slice = NULL;
  orc_slices_done(&g->slices);
  free(g->runners);
}

static int finish(lua_State *L)
{
  group *g = luaL_checkudata(L, 1, type_name);
  if (g->open && g->running > 0) {
    orc_watchdog_abandon(true);
    wait_for_all(g, true);
    orc_watchdog_abandon(false);
  }
  end(g);
  return 0;
}

static int new (lua_State *L)
{
  orc_sim *s = luaL_checkudata(L, 1, ORC_BIND_SIM_TYPE);
  const lua_Integer threads = luaL_checkinteger(L, 2);
  size_t length = 0;
  const char *module = luaL_checkstring(L, 3), *argument = luaL_checklstring(L, 4, &length);
  luaL_argcheck(L, threads >= 2 && threads <= 1024, 2, "2 to 1024 threads expected");
  orc_bind_idle_sim(L);
  const char *why = orc_slice_obstacle(s->cluster);
  if (why != NULL) {
    lua_pushnil(L);
    lua_pushstring(L, why);
    return 2;
  }
  const int replicas = s->cluster->replica_count;
  group *g = lua_newuserdatauv(L, sizeof *g, 3);
  *g = (group){ .home = lua_touserdata(L, lua_upvalueindex(1)),
                .module = module,
                .argument = argument,
                .argument_length = length };
  for (int i = 1; i <= 3; i++) {
    lua_pushvalue(L, i == 1 ? 1 : i + 1); /* the simulation, and both texts */
    lua_setiuservalue(L, -2, i);
  }
  luaL_setmetatable(L, type_name);
  orc_slices_init(&g->slices, threads < replicas ? (int)threads : replicas);
  g->runners = orc_alloc((size_t)g->slices.count, sizeof *g->runners);
  for (int i = 0; i < g->slices.count; i++)
    g->runners[i] = (runner){ .of = g, .index = i };
  g->open = true;
  g->runners[0].sim = s;
  g->csv = s->csv;
  s->csv = NULL;
  orc_slice_begin(&g->slices, 0, s->cluster);
  if (!start(g)) {
    wait_for_all(g, true);
    end(g);
    orc_bind_fail(L, "no thread could be started");
  }
  return 1;
}

int orc_bind_slices(lua_State *L, const char *home)
{
  static const luaL_Reg methods[] = { { "join", join }, { "close", finish }, { NULL, NULL } };
  static const orc_threads_type type = { type_name, methods, finish, new };
  orc_threads_push_maker(L, &type, home);
  return 1;
}
