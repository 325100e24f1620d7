#define _GNU_SOURCE
#include "bind/host/host.h"

#include <lauxlib.h>
#include <lua.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bind/core.h"
#include "bind/error.h"
#include "bind/host/image.h"
#include "bind/host/partial_files.h"
#include "bind/host/state.h"
#include "bind/host/thread_pool.h"
#include "bind/policy/watchdog.h"
#include "bind/sim/slices.h"

struct orc_host {
  lua_State *L;
  const char *home;
  orc_editor editor;
  int completer; /* reference of the function that completes, while a line is read */
  int waits;     /* of the one that waits for what is typed; LUA_NOREF: there is none */
  bool ending;
  int status; /* that the program ends with */
};

static orc_host *self(lua_State *L)
{
  return lua_touserdata(L, lua_upvalueindex(1));
}

/* clock() -> s of wall time since some moment */
static int wall_clock(lua_State *L)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  lua_pushnumber(L, (double)t.tv_sec + 1e-9 * (double)t.tv_nsec);
  return 1;
}

/* isatty(descriptor) -> boolean */
static int is_terminal(lua_State *L)
{
  lua_pushboolean(L, isatty((int)luaL_checkinteger(L, 1)));
  return 1;
}

/* read(prompt, complete) -> line; false when it was given up; nil at the end of input.
   complete(text) -> bytes to complete at its end, list of candidates */
static int read_line(lua_State *L)
{
  orc_host *h = self(L);
  const char *prompt = luaL_checkstring(L, 1);
  luaL_checktype(L, 2, LUA_TFUNCTION);
  if (h->editor.read == NULL || orc_watchdog_terminated()) return 0;
  lua_settop(L, 2);
  h->completer = luaL_ref(L, LUA_REGISTRYINDEX);
  bool abandoned = false;
  const char *line = h->editor.read(h->editor.self, prompt, &abandoned);
  luaL_unref(L, LUA_REGISTRYINDEX, h->completer);
  h->completer = LUA_NOREF;
  if (abandoned) orc_watchdog_take(); /* the line that was given up was the answer */
  if (orc_watchdog_terminated() || (line == NULL && !abandoned))
    lua_pushnil(L);
  else if (abandoned)
    lua_pushboolean(L, 0);
  else
    lua_pushstring(L, line);
  return 1;
}

/* waits(f): f() is called before each key that is read at the prompt, and returns once there is one (false), or
   when there will be none (true). nil: nothing waits */
static int wait_with(lua_State *L)
{
  orc_host *h = self(L);
  luaL_unref(L, LUA_REGISTRYINDEX, h->waits);
  h->waits = LUA_NOREF;
  if (lua_isnoneornil(L, 1)) return 0;
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, 1);
  h->waits = luaL_ref(L, LUA_REGISTRYINDEX);
  return 0;
}

/* remember(entry) */
static int remember(lua_State *L)
{
  const orc_host *h = self(L);
  const char *entry = luaL_checkstring(L, 1);
  if (h->editor.remember != NULL) h->editor.remember(h->editor.self, entry);
  return 0;
}

/* guard(on): while on, Ctrl-C raises "interrupted" in whatever Lua code runs, until that has ended */
static int guard(lua_State *L)
{
  orc_watchdog_mind(L, lua_toboolean(L, 1));
  return 0;
}

/*
** obey(f) -> whether the user asked to stop meanwhile, and what pcall(f) returns: what was typed at a prompt. Ctrl-C
** raises in whatever it runs; a wish to stop that came since the line was read counts, and is taken in the end.
*/
static int obey(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, 1);
  lua_pushboolean(L, 0);
  lua_pushboolean(L, 0);
  lua_rotate(L, 1, 2); /* [asked, ok, f] */
  orc_watchdog_mind(L, true);
  if (orc_watchdog_interrupted())
    lua_pushliteral(L, "interrupted");
  else {
    const bool ok = lua_pcall(L, 0, LUA_MULTRET, 0) == LUA_OK;
    lua_pushboolean(L, ok);
    lua_replace(L, 2);
  }
  orc_watchdog_mind(L, false);
  lua_pushboolean(L, orc_watchdog_take());
  lua_replace(L, 1);
  return lua_gettop(L);
}

/* prompt(on): while on, Ctrl-C never ends the program */
static int prompt(lua_State *L)
{
  orc_watchdog_prompt(lua_toboolean(L, 1));
  return 0;
}

/* interrupted() -> whether the user asked to stop; the flag stays set */
static int interrupted(lua_State *L)
{
  lua_pushboolean(L, orc_watchdog_interrupted());
  return 1;
}

/* terminated() -> whether the program was asked to end */
static int terminated(lua_State *L)
{
  lua_pushboolean(L, orc_watchdog_terminated());
  return 1;
}

/* cores() -> processor cores this process may run on */
static int cores(lua_State *L)
{
  cpu_set_t set;
  lua_pushinteger(L, sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1);
  return 1;
}

/* partial_file(path, is): whether the file is to go if the program is ended on the spot */
static int partial_file(lua_State *L)
{
  const char *path = luaL_checkstring(L, 1);
  if (lua_toboolean(L, 2))
    orc_partial_files_add(path);
  else
    orc_partial_files_drop(path);
  return 0;
}

/* same_file(a, b) -> whether both paths lead to one file that is there; devices are not minded */
static int same_file(lua_State *L)
{
  struct stat a, b;
  const bool there = stat(luaL_checkstring(L, 1), &a) == 0 && stat(luaL_checkstring(L, 2), &b) == 0;
  lua_pushboolean(L, there && S_ISREG(a.st_mode) && a.st_dev == b.st_dev && a.st_ino == b.st_ino);
  return 1;
}

static const luaL_Reg functions[] = {
  { "clock", wall_clock },
  { "isatty", is_terminal },
  { "read", read_line },
  { "remember", remember },
  { "waits", wait_with },
  { "guard", guard },
  { "obey", obey },
  { "prompt", prompt },
  { "interrupted", interrupted },
  { "cores", cores },
  { "partial_file", partial_file },
  { "same_file", same_file },
  { "terminated", terminated },
  { NULL, NULL },
};

static int open_host(lua_State *L)
{
  orc_host *h = self(L);
  luaL_newlibtable(L, functions);
  lua_pushlightuserdata(L, h);
  luaL_setfuncs(L, functions, 1);
  orc_bind_thread_pool(L, h->home);
  lua_setfield(L, -2, "pool");
  orc_bind_slices(L, h->home);
  lua_setfield(L, -2, "slices");
  return 1;
}

/*
** The oldest finalizer runs last: whatever had something to put in order has. What is left is memory, and that of a
** process goes at once, where Lua would return it object by object.
*/
static int leave(lua_State *L)
{
  const orc_host *h = self(L);
  if (!h->ending) return 0;
  orc_partial_files_remove(); /* what is left of a run that failed */
  exit(h->status);
}

/* [host] -> [] */
static int offer(lua_State *L)
{
  lua_newuserdatauv(L, 0, 0);
  lua_createtable(L, 0, 1);
  lua_pushvalue(L, 1);
  lua_pushcclosure(L, leave, 1);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  luaL_ref(L, LUA_REGISTRYINDEX);
  lua_pushcclosure(L, open_host, 1);
  orc_state_preload(L, "oracle.host");
  return 0;
}

static orc_host *host_of(lua_State *L, const char *home, const orc_editor *editor)
{
  orc_on_exhausted(orc_partial_files_remove);
  orc_watchdog_ready();
  orc_host *h = orc_alloc(1, sizeof *h);
  *h = (orc_host){
    .L = L, .home = home, .editor = *editor, .completer = LUA_NOREF, .waits = LUA_NOREF
  };
  lua_pushcfunction(h->L, offer);
  lua_pushlightuserdata(h->L, h);
  if (lua_pcall(h->L, 1, 0, 0) != LUA_OK) orc_exhausted(0, 0);
  return h;
}

orc_host *orc_host_new(const char *home, const orc_editor *editor)
{
  lua_State *made = orc_image_open(home);
  return host_of(made != NULL ? made : orc_state_new(home), home, editor);
}

bool orc_host_write_image(const char *home, orc_error *e)
{
  const orc_editor none = { 0 };
  return orc_image_write(host_of(orc_state_new(home), home, &none)->L, home, e);
}

_Noreturn void orc_host_end(orc_host *h, int status)
{
  h->ending = true;
  h->status = status;
  lua_close(h->L); /* leave() */
  orc_panic("a state that outlives its end", __FILE__, __LINE__);
}

void orc_host_interrupt(bool ends)
{
  orc_bind_interrupt(ends);
}

bool orc_host_interrupted(void)
{
  return orc_watchdog_interrupted();
}

void orc_host_abandon(int status)
{
  orc_partial_files_remove();
  _exit(status);
}

typedef struct words {
  int count;
  char **at;
} words;

/* [words] -> [status] */
static int run_cli(lua_State *L)
{
  const words *w = lua_touserdata(L, 1);
  lua_getglobal(L, "require");
  lua_pushliteral(L, "oracle.command");
  lua_call(L, 1, 1);
  lua_getfield(L, -1, "main");
  lua_createtable(L, w->count, 0);
  for (int i = 0; i < w->count; i++) {
    lua_pushstring(L, w->at[i]);
    lua_rawseti(L, -2, i + 1);
  }
  lua_call(L, 1, 1);
  return 1;
}

int orc_host_main(orc_host *h, int count, char **at)
{
  lua_State *L = h->L;
  words w = { .count = count, .at = at };
  lua_pushcfunction(L, run_cli);
  lua_pushlightuserdata(L, &w);
  int status = 1;
  if (lua_pcall(L, 1, 1, 0) != LUA_OK)
    fprintf(stderr, "oracle: %s\n", orc_bind_said(L));
  else
    status = (int)lua_tointeger(L, -1);
  lua_settop(L, 0);
  return status;
}

bool orc_host_wait(orc_host *h)
{
  lua_State *L = h->L;
  const int top = lua_gettop(L);
  bool goes_on = true;
  if (h->waits == LUA_NOREF || !lua_checkstack(L, 4)) return true;
  lua_rawgeti(L, LUA_REGISTRYINDEX, h->waits);
  if (lua_pcall(L, 0, 1, 0) != LUA_OK) {
    fprintf(stderr, "\noracle: %s\n", orc_bind_said(L));
    goes_on = false;
  } else {
    goes_on = !lua_toboolean(L, -1);
  }
  lua_settop(L, top);
  return goes_on;
}

size_t orc_host_complete(orc_host *h, const char *text, size_t length,
                         void (*each)(void *context, const char *candidate), void *context)
{
  lua_State *L = h->L;
  const int top = lua_gettop(L);
  size_t stem = 0;
  if (!lua_checkstack(L, 6) || h->completer == LUA_NOREF) return 0;
  lua_rawgeti(L, LUA_REGISTRYINDEX, h->completer);
  lua_pushlstring(L, text, length);
  if (lua_pcall(L, 1, 2, 0) == LUA_OK && lua_istable(L, -1) && lua_isinteger(L, -2)) {
    const lua_Integer n = lua_tointeger(L, -2);
    stem = n >= 0 && (size_t)n <= length ? (size_t)n : 0;
    for (lua_Integer i = 1; lua_rawgeti(L, -1, i) == LUA_TSTRING; i++) {
      each(context, lua_tostring(L, -1));
      lua_pop(L, 1);
    }
  }
  lua_settop(L, top);
  return stem;
}
