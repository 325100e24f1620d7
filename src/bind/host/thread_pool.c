#define _GNU_SOURCE
#include "bind/host/thread_pool.h"

#include <errno.h>
#include <lauxlib.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/steady.h"
#include "bind/error.h"
#include "bind/host/state.h"
#include "bind/host/threads.h"
#include "bind/policy/watchdog.h"

static const char type_name[] = "oracle.pool";

/* A point: first to be computed, then finished. */
typedef struct job {
  struct job *next;
  lua_Integer index;
  char *text; /* NULL: given up */
  size_t length;
  bool broken; /* the worker itself failed; text says why */
  double numbers[ORC_THREAD_POOL_NUMBERS];
} job;

typedef struct line {
  job *head, **tail;
} line;

typedef struct pool {
  pthread_mutex_t lock;
  pthread_cond_t asked, answered;
  line todo, finished;
  bool closing;
  int threads;
  pthread_t *thread;
  const char *home;
  char *module, *argument;
  size_t argument_length;
} pool;

static void append(line *l, job *j)
{
  j->next = NULL;
  *l->tail = j;
  l->tail = &j->next;
}

static job *pop(line *l)
{
  job *j = l->head;
  if (j == NULL) return NULL;
  l->head = j->next;
  if (l->head == NULL) l->tail = &l->head;
  return j;
}

static void drop(line *l)
{
  for (job *j; (j = pop(l)) != NULL;) {
    free(j->text);
    free(j);
  }
}

static char *copy(const char *s, size_t n)
{
  char *out = orc_alloc(n + 1, 1);
  memcpy(out, s, n);
  return out;
}

/* ---- in a thread ---- */

/* [pool] -> [function]: what require(module).worker(argument) gives */
static int set_up(lua_State *L)
{
  const pool *p = lua_touserdata(L, 1);
  lua_getglobal(L, "require");
  lua_pushstring(L, p->module);
  lua_call(L, 1, 1);
  lua_getfield(L, -1, "worker");
  lua_pushlstring(L, p->argument, p->argument_length);
  lua_call(L, 1, 1);
  return 1;
}

static void fail(lua_State *L, job *j)
{
  const char *why = orc_bind_said(L);
  j->broken = !orc_watchdog_interrupted();
  if (j->broken) {
    j->length = strlen(why);
    j->text = copy(why, j->length);
  }
  lua_pop(L, 1);
}

/* Stack index 1: the worker's function, or why there is none. */
static void compute(lua_State *L, bool usable, job *j)
{
  lua_settop(L, 1);
  lua_pushvalue(L, 1);
  if (!usable) {
    fail(L, j);
    return;
  }
  lua_pushinteger(L, j->index);
  if (lua_pcall(L, 1, 1 + ORC_THREAD_POOL_NUMBERS, 0) != LUA_OK) {
    fail(L, j);
    return;
  }
  const char *text = lua_tolstring(L, 2, &j->length);
  if (text != NULL) j->text = copy(text, j->length);
  for (int i = 0; i < ORC_THREAD_POOL_NUMBERS; i++)
    j->numbers[i] = lua_tonumber(L, 3 + i);
}

static void *work(void *self)
{
  pool *p = self;
  lua_State *L = orc_state_new(p->home);
  orc_watchdog_mind(L, true);
  lua_pushcfunction(L, set_up);
  lua_pushlightuserdata(L, p);
  const bool usable = lua_pcall(L, 1, 1, 0) == LUA_OK;
  pthread_mutex_lock(&p->lock);
  for (;;) {
    job *j = NULL;
    while (!p->closing && (j = pop(&p->todo)) == NULL)
      pthread_cond_wait(&p->asked, &p->lock);
    if (j == NULL) break;
    pthread_mutex_unlock(&p->lock);
    compute(L, usable, j);
    pthread_mutex_lock(&p->lock);
    append(&p->finished, j);
    pthread_cond_signal(&p->answered);
  }
  pthread_mutex_unlock(&p->lock);
  orc_watchdog_mind(L, false);
  lua_close(L);
  return NULL;
}

/* ---- in the state that owns the pool ---- */

static pool *self(lua_State *L)
{
  pool *p = luaL_checkudata(L, 1, type_name);
  if (p->thread == NULL) orc_bind_fail(L, "this pool is closed");
  return p;
}

static int submit(lua_State *L)
{
  pool *p = self(L);
  const lua_Integer index = luaL_checkinteger(L, 2);
  job *j = orc_alloc(1, sizeof *j);
  j->index = index;
  pthread_mutex_lock(&p->lock);
  append(&p->todo, j);
  pthread_cond_signal(&p->asked);
  pthread_mutex_unlock(&p->lock);
  return 0;
}

/* A signal handler cannot wake who waits here, so the wait is short. */
static job *wait_for_one(pool *p, double seconds)
{
  struct timespec end;
  clock_gettime(CLOCK_MONOTONIC, &end);
  const int64_t ns = end.tv_nsec + (int64_t)(seconds * 1e9);
  end.tv_sec += ns / 1000000000;
  end.tv_nsec = ns % 1000000000;
  pthread_mutex_lock(&p->lock);
  job *j;
  while ((j = pop(&p->finished)) == NULL && !orc_watchdog_interrupted())
    if (pthread_cond_timedwait(&p->answered, &p->lock, &end) == ETIMEDOUT) break;
  pthread_mutex_unlock(&p->lock);
  return j;
}

static int take(lua_State *L)
{
  pool *p = self(L);
  const double seconds = luaL_checknumber(L, 2);
  luaL_argcheck(L, seconds >= 0.0 && seconds <= 3600.0, 2, "0 to 3600 s expected");
  job *j = wait_for_one(p, seconds);
  if (j == NULL) return 0;
  const bool broken = j->broken;
  lua_pushinteger(L, j->index);
  if (j->text != NULL)
    lua_pushlstring(L, j->text, j->length);
  else
    lua_pushboolean(L, 0);
  for (int i = 0; i < ORC_THREAD_POOL_NUMBERS; i++)
    lua_pushnumber(L, j->numbers[i]);
  free(j->text);
  free(j);
  if (broken) orc_bind_fail(L, "%s", lua_tostring(L, -1 - ORC_THREAD_POOL_NUMBERS));
  return 2 + ORC_THREAD_POOL_NUMBERS;
}

static void end(pool *p)
{
  if (p->thread == NULL) return;
  pthread_mutex_lock(&p->lock);
  p->closing = true;
  pthread_cond_broadcast(&p->asked);
  pthread_mutex_unlock(&p->lock);
  for (int i = 0; i < p->threads; i++)
    pthread_join(p->thread[i], NULL);
  drop(&p->todo);
  drop(&p->finished);
  pthread_cond_destroy(&p->asked);
  pthread_cond_destroy(&p->answered);
  pthread_mutex_destroy(&p->lock);
  free(p->thread);
  free(p->module);
  free(p->argument);
  p->thread = NULL;
}

static int finish(lua_State *L)
{
  end(luaL_checkudata(L, 1, type_name));
  return 0;
}

static int abandon(lua_State *L)
{
  orc_watchdog_abandon(true);
  end(luaL_checkudata(L, 1, type_name));
  orc_watchdog_abandon(false);
  return 0;
}

static void start(pool *p)
{
  sigset_t before;
  orc_threads_begin_start(&before);
  int made = 0;
  while (made < p->threads && pthread_create(&p->thread[made], NULL, work, p) == 0)
    made++;
  p->threads = made;
  orc_threads_end_start(&before);
}

static int new (lua_State *L)
{
  const char *home = lua_touserdata(L, lua_upvalueindex(1));
  const lua_Integer threads = luaL_checkinteger(L, 1);
  size_t length = 0;
  const char *module = luaL_checkstring(L, 2), *argument = luaL_checklstring(L, 3, &length);
  luaL_argcheck(L, threads >= 1 && threads <= ORC_THREAD_POOL_THREADS, 1,
                "1 to 1024 threads expected");
  pool *p = lua_newuserdatauv(L, sizeof *p, 0);
  *p = (pool){ .home = home, .threads = (int)threads, .argument_length = length };
  luaL_setmetatable(L, type_name);
  p->module = copy(module, strlen(module));
  p->argument = copy(argument, length);
  p->todo.tail = &p->todo.head;
  p->finished.tail = &p->finished.head;
  pthread_mutex_init(&p->lock, NULL);
  pthread_cond_init(&p->asked, NULL);
  orc_steady_init(&p->answered);
  p->thread = orc_alloc((size_t)threads, sizeof *p->thread);
  start(p);
  if (p->threads == 0) {
    end(p);
    orc_bind_fail(L, "no thread could be started");
  }
  return 1;
}

int orc_bind_thread_pool(lua_State *L, const char *home)
{
  static const luaL_Reg methods[] = {
    { "submit", submit },   { "take", take }, { "close", finish },
    { "abandon", abandon }, { NULL, NULL },
  };
  static const orc_threads_type type = { type_name, methods, abandon, new };
  orc_threads_push_maker(L, &type, home);
  return 1;
}
