/*
** watchdog.h - keeps an eye on a running simulation from the outside: stops a policy that does not
** return or takes memory without end, lets progress be shown, and notices Ctrl-C. One timer per
** thread; its signal handler only sets flags and, for a policy in an endless loop, Lua's own hook
** (which Lua allows there).
*/
#ifndef ORC_BIND_POLICY_WATCHDOG_H
#define ORC_BIND_POLICY_WATCHDOG_H

#include <signal.h>
#include <time.h>

#include "bind/args.h"
#include "bind/policy/floor.h"
#include "bind/policy/source_line.h"

enum {
  ORC_WATCHDOG_TICK_MS = 100,    /* how often the watch looks */
  ORC_WATCHDOG_HURRY_MS = 10,    /* the same once the user asked to stop */
  ORC_WATCHDOG_MEMORY_MIB = 256, /* memory a simulation's policies may take together */
  ORC_WATCHDOG_PATIENCE = 20,    /* ticks of work one call of a policy may take: 2 s */
  ORC_WATCHDOG_LAST = 40, /* ticks after which one that could not be stopped ends the program */
  ORC_WATCHDOG_LATE_MS =
      70, /* of work, after which what does not heed the user's wish to stop is ended with the program */
};

/* Why a policy is stopped. */
enum { ORC_WATCHDOG_ENDLESS = 1, ORC_WATCHDOG_GREEDY, ORC_WATCHDOG_INTERRUPTED };

typedef struct orc_watchdog {
  lua_State *L;
  volatile sig_atomic_t pause;   /* the simulation is to return when it can, for a moment perhaps */
  volatile sig_atomic_t hurry;   /* at once: the user asked to stop */
  volatile sig_atomic_t inside;  /* a policy is running */
  volatile sig_atomic_t stopped; /* why the policy that is running has been told to end, or 0 */
  char place[ORC_SOURCE_LINE_SIZE]; /* where it was when it was told first; "": not yet */
  volatile sig_atomic_t calls;      /* policy calls so far (wraps) */
  sig_atomic_t seen;                /* calls at the last tick */
  int64_t since;                    /* ms of work before it was first seen in this call */
  sig_atomic_t hurried;             /* the watch looks in a hurry */
  int64_t told;                     /* ms of work when it began to */
  timer_t timer;
  bool armed;                 /* the timer exists */
  volatile sig_atomic_t cut;  /* the user's wish to stop ended a policy's call: it cannot go on */
  struct orc_watchdog *outer; /* the watch of a simulation around this one */
  lua_Alloc allocate;         /* what was set before, put back at the end */
  void *store;
  const void *floor; /* Lua's record of the function that called the policy */
  int64_t taken;     /* bytes Lua took since the watch began, less those it gave back */
  bool warned;   /* the last request for memory was refused once, so that Lua collects garbage */
  lua_Hook hook; /* what was set before, put back at the end */
  int mask, count;
} orc_watchdog;

/* Before the first signal. */
void orc_watchdog_ready(void);

/* Begin to watch the calling thread; end before *w goes away. Never fails: without a timer, blind.
 */
void orc_watchdog_begin(orc_watchdog *w, lua_State *L);
void orc_watchdog_end(orc_watchdog *w);

/* For a function that is called within and may run for ever: the hook is what it was before the watch began, at once. */
void orc_watchdog_hook_of_before(const orc_watchdog *w);

/* A policy is called, from the C function that runs in L. */
static inline void orc_watchdog_enter(orc_watchdog *w, lua_State *L)
{
  lua_Debug here;
  w->floor = lua_getstack(L, 0, &here) ? here.i_ci : NULL;
  w->calls = (w->calls + 1) & 0xffffff;
  w->stopped = 0;
  w->place[0] = '\0';
  w->inside = 1;
  orc_floor_set(w->floor);
}

static inline void orc_watchdog_leave(orc_watchdog *w)
{
  w->inside = 0;
  orc_floor_set(NULL);
}

/* Whether what runs is to stop: the user said so (SIGINT, SIGTERM), or the program gives up threads of its own. It stays
** so until the user's wish is taken, by who then answers it: the prompt. */
bool orc_watchdog_interrupted(void);
bool orc_watchdog_terminated(void); /* whether the program is to end, which it does for good */
bool orc_watchdog_take(void);       /* whether the user asked to stop; from here on not any more */
void orc_watchdog_abandon(bool on); /* the program's own wish that threads stop, while on */

/* While on, a wish to stop does not end the program, however often it comes and however late it is heeded: it has a prompt
** to return to. */
void orc_watchdog_prompt(bool on);

/* While on, a wish to stop raises "interrupted" in whatever Lua runs in L and in coroutines made meanwhile: again and
** again, until it is taken. stop_if_asked is the hook that does. One state of a thread is minded, which ends it. */
void orc_watchdog_mind(lua_State *L, bool on);

/* L is about to make a coroutine. */
void orc_watchdog_mind_now(lua_State *L);
void orc_watchdog_stop_if_asked(lua_State *L, lua_Debug *ar);

/* hold(f, ...) -> what f returns: the hook does not raise within, so that what f does is done whole. Simulations that f
** advances still end at once. A lua_CFunction. */
int orc_watchdog_hold(lua_State *L);

/* Of what a held function calls that is the user's own: it can be stopped, from letting go to holding again. */
int orc_watchdog_let_go(void);
void orc_watchdog_hold_again(int before);

/* Where the user has asked to stop meanwhile, and a hook of Lua's stands for that, as at the prompt: it is called now,
** and raises. */
void orc_watchdog_heed(lua_State *L);

/* guard(f, ...) -> what f returns: calls it as a policy is called, so it cannot run or grow without
** end, and what it raises is a text with its file and line. A lua_CFunction. */
int orc_watchdog_guard(lua_State *L);

/* pcall(f, ...) as Lua's own, but that a policy which is being stopped does not get the error. A
** lua_CFunction. */
int orc_watchdog_pcall(lua_State *L);

/* While a policy runs on this thread, L is the coroutine that runs: the one to be stopped where it does not return.
** Returns the one before; NULL: nothing is watched. */
lua_State *orc_watchdog_follow(lua_State *L);

/* watched() -> whether a policy is running on this thread. A lua_CFunction. */
int orc_watchdog_watched(lua_State *L);

#endif
