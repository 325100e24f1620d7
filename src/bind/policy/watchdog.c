#define _GNU_SOURCE
#include "bind/policy/watchdog.h"
#include "bind/core.h"

#include <lauxlib.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "bind/host/partial_files.h"
#include "bind/policy/source_line.h"

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

/* What the user said from outside. Signals know no other place than a global one, and every thread
   that simulates looks at it. */
static atomic_int interrupted; /* of enum wishes */
static _Atomic int64_t asked;  /* when the user did, in ms */
static atomic_int terminated;
static atomic_int at_prompt; /* who asks to stop wants the prompt back, however often it is said */
static atomic_int heeded;    /* the wish was noticed where something is done about it */

/* Threads that are watched, by their number for the system; 0: free. More than these notice a wish to stop at their next
** look. */
enum { WATCHED = 256 };
static atomic_int watched_threads[WATCHED];

/* Of the process's time, from a wish to stop on: what notices none is ended with the program. */
static timer_t late;
static bool late_armed;

enum wishes { OF_USER = 1, OF_PROGRAM = 2 };

/* A terminal's Ctrl-C may come twice: to the group, and once more from the program that started this one. */
enum { ECHO_MS = 250 };

enum { INSTRUCTIONS = 100000 }; /* a few hundred looks per second, too few to be felt */

static _Thread_local orc_watchdog *volatile current;
static _Thread_local struct {
  lua_State *L;                /* NULL: nothing is minded */
  volatile sig_atomic_t since; /* long enough for it to have the hook */
  timer_t timer;
  bool armed;
} minded;
static _Thread_local int held;   /* what runs is not to be stopped within (orc_watchdog_hold) */
static _Thread_local int raised; /* how often the wish to stop that is under way has */
static _Thread_local int place;  /* 1 + that among the watched threads; 0: none */

/* Who caught the error is told again, and is not where the policy was. */
static _Noreturn void stop(lua_State *L, int reason)
{
  char here[ORC_SOURCE_LINE_SIZE], *at = current != NULL ? current->place : here;
  if (at == here || at[0] == '\0') orc_source_line_line(L, at, ORC_SOURCE_LINE_SIZE);
  if (reason == ORC_WATCHDOG_INTERRUPTED) orc_bind_fail(L, "%s: interrupted", at);
  if (reason == ORC_WATCHDOG_GREEDY)
    orc_bind_fail(L, "%s: the policy took more than %d MiB of memory", at, ORC_WATCHDOG_MEMORY_MIB);
  orc_bind_fail(L, "%s: it ran for more than %d s without returning", at,
                ORC_WATCHDOG_PATIENCE * ORC_WATCHDOG_TICK_MS / 1000);
}

/* Until it is gone every instruction raises: a pcall around the loop does not save it. */
static void stop_policy(lua_State *L, lua_Debug *ar)
{
  (void)ar;
  stop(L, ORC_WATCHDOG_ENDLESS);
}

static void stop_greedy(lua_State *L, lua_Debug *ar)
{
  (void)ar;
  stop(L, ORC_WATCHDOG_GREEDY);
}

static void stop_interrupted(lua_State *L, lua_Debug *ar)
{
  (void)ar;
  stop(L, ORC_WATCHDOG_INTERRUPTED);
}

/*
** Lua's allocator while a simulation runs. Over the limit a request is refused once: Lua then
** collects garbage and asks again. If that was not enough the policy is stopped at its next
** instruction, where Lua knows the line; only a single huge request is refused for good.
*/
static void *allocate(void *self, void *old, size_t old_size, size_t size)
{
  orc_watchdog *w = self;
  const int64_t had = old == NULL ? 0 : (int64_t)old_size,
                limit = (int64_t)ORC_WATCHDOG_MEMORY_MIB << 20;
  const int64_t after = w->taken + (int64_t)size - had;
  if (w->inside && (int64_t)size > had) {
    const bool over = after > limit, refused = over && (!w->warned || after > 2 * limit);
    w->warned = over;
    if (refused) return NULL;
    if (over) {
      w->stopped = ORC_WATCHDOG_GREEDY;
      if (lua_gethook(w->L) != stop_greedy) lua_sethook(w->L, stop_greedy, LUA_MASKCOUNT, 1);
    }
  }
  void *p = w->allocate(w->store, old, old_size, size);
  if (p != NULL || size == 0) w->taken = after;
  return p;
}

/* The processor's time this thread has had: a busy machine must not make a policy look endless. */
static int64_t worked_ms(void)
{
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/*
** Lua's hook reaches neither a coroutine that was there before it nor a library function (a pattern
** that backtracks without end), and nothing else stops those from outside: the process ends, as
** files are only given their names when they are whole.
*/
static _Noreturn void give_up(void)
{
  static const char text[] = "oracle: a policy does not return: it is in an endless coroutine or "
                             "library function, where it cannot be stopped alone\n";
  orc_partial_files_remove();
  if (write(STDERR_FILENO, text, sizeof text - 1) < 0) _exit(1);
  _exit(1);
}

/* The wish to stop finds what nothing stops, as above. At the prompt only the program's end ends it. */
static void give_up_late(void)
{
  static const char text[] = "oracle: interrupted; there are no results\n";
  if (atomic_load(&at_prompt) != 0 && atomic_load(&terminated) == 0) return;
  orc_partial_files_remove();
  if (write(STDERR_FILENO, text, sizeof text - 1) < 0) _exit(1);
  _exit(1);
}

static void on_late(int signal)
{
  (void)signal;
  if (atomic_load(&heeded) == 0) give_up_late();
}

/* The watch looks that often. May be called by a signal handler. */
static void tick_every(const orc_watchdog *w, long ms)
{
  const struct itimerspec every = { .it_value = { .tv_nsec = ms * 1000000L },
                                    .it_interval = { .tv_nsec = ms * 1000000L } };
  if (w->armed) timer_settime(w->timer, 0, &every, NULL);
}

/* The user waits: a call that goes on from one look to the next is cut short. */
static void cut_short(orc_watchdog *w)
{
  if (w->cut) return;
  w->cut = 1;
  w->stopped = ORC_WATCHDOG_INTERRUPTED;
  lua_sethook(w->L, stop_interrupted, LUA_MASKCOUNT, 1);
}

static void hook_minded(void)
{
  minded.since = 1;
  if (current == NULL)
    lua_sethook(minded.L, orc_watchdog_stop_if_asked, LUA_MASKCOUNT, INSTRUCTIONS);
}

static void on_tick(int signal)
{
  (void)signal;
  orc_watchdog *w = current;
  if (minded.L != NULL && !minded.since) hook_minded();
  if (w == NULL) return;
  w->pause = 1;
  const bool asked_to_stop = atomic_load(&interrupted) != 0;
  if (asked_to_stop && !w->hurried) {
    w->hurry = w->hurried = 1;
    w->told = worked_ms();
    tick_every(w, ORC_WATCHDOG_HURRY_MS);
  }
  if (!w->inside || w->calls != w->seen) {
    w->since = worked_ms();
    w->seen = w->calls;
  } else if (asked_to_stop && w->stopped == 0) {
    /* of work, for a busy machine may leave a short call no time between two looks */
    if (worked_ms() - w->since >= ORC_WATCHDOG_HURRY_MS / 2) cut_short(w);
  } else {
    if ((atomic_load(&interrupted) & OF_USER) != 0 && worked_ms() - w->told >= ORC_WATCHDOG_LATE_MS)
      give_up_late();
    const int64_t ticks = (worked_ms() - w->since) / ORC_WATCHDOG_TICK_MS;
    if (ticks >= ORC_WATCHDOG_LAST) give_up();
    if (ticks < ORC_WATCHDOG_PATIENCE) return;
    w->stopped = ORC_WATCHDOG_ENDLESS;
    /* Once: setting it goes through all calls, and of a deep recursion that takes longer than a
       tick: nothing else would ever be done. */
    if (lua_gethook(w->L) != stop_policy) lua_sethook(w->L, stop_policy, LUA_MASKCOUNT, 1);
  }
}

/* What was typed before Ctrl-C is not to be obeyed after it. */
static void forget_typed(void)
{
  if (tcgetpgrp(STDIN_FILENO) == getpgrp()) tcflush(STDIN_FILENO, TCIFLUSH);
}

void orc_bind_interrupt(bool ends)
{
  if (ends) atomic_store(&terminated, 1);
  if (atomic_load(&at_prompt) != 0) forget_typed();
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  const int64_t ms = (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
  if ((atomic_fetch_or(&interrupted, OF_USER) & OF_USER) == 0)
    atomic_store(&asked, ms), atomic_store(&heeded, 0);
  else if ((ends || atomic_load(&at_prompt) == 0) && ms - atomic_load(&asked) > ECHO_MS) {
    orc_partial_files_remove();
    _exit(ends ? 128 + SIGTERM : 128 + SIGINT); /* the second time the user means it */
  }
  if (minded.L != NULL && !minded.since) hook_minded();
  const struct itimerspec once = { .it_value = { .tv_nsec = ORC_WATCHDOG_LATE_MS * 1000000L } };
  if (late_armed && atomic_load(&heeded) == 0) timer_settime(late, 0, &once, NULL);
  for (int i = 0; i < WATCHED; i++) { /* each looks at once, and then in a hurry */
    const pid_t thread = atomic_load(&watched_threads[i]);
    if (thread != 0) tgkill(getpid(), thread, SIGRTMIN);
  }
}

void orc_watchdog_abandon(bool on)
{
  if (on)
    atomic_fetch_or(&interrupted, OF_PROGRAM);
  else
    atomic_fetch_and(&interrupted, ~OF_PROGRAM);
}

bool orc_watchdog_interrupted(void)
{
  if (atomic_load(&interrupted) == 0) return false;
  atomic_store(&heeded, 1);
  return true;
}

bool orc_watchdog_take(void)
{
  atomic_store(&heeded, 0);
  return (atomic_fetch_and(&interrupted, ~OF_USER) & OF_USER) != 0;
}

void orc_watchdog_prompt(bool on)
{
  atomic_store(&at_prompt, on ? 1 : 0);
}

bool orc_watchdog_terminated(void)
{
  return atomic_load(&terminated) != 0;
}

void orc_watchdog_heed(lua_State *L)
{
  const lua_Hook hook = lua_gethook(L);
  if ((hook != NULL || minded.L != NULL) && orc_watchdog_interrupted())
    (hook != NULL ? hook : orc_watchdog_stop_if_asked)(L, NULL);
}

/*
** The first times a moment is left in between, so that what catches an error can put its things in order; then every
** instruction raises, so that no loop around a pcall goes on.
*/
void orc_watchdog_stop_if_asked(lua_State *L, lua_Debug *ar)
{
  enum { ORDERLY = 3 };
  (void)ar;
  if (!orc_watchdog_interrupted()) {
    if (raised > 0) lua_sethook(L, orc_watchdog_stop_if_asked, LUA_MASKCOUNT, INSTRUCTIONS);
    raised = 0;
    return;
  }
  if (held > 0) return;
  atomic_store(&heeded, 1);
  raised = raised < ORDERLY ? raised + 1 : ORDERLY;
  if (raised == ORDERLY) lua_sethook(L, orc_watchdog_stop_if_asked, LUA_MASKCOUNT, 1);
  lua_pushliteral(L, "interrupted"); /* without a line: where it happens to be is no matter */
  lua_error(L);
}

static void install(void)
{
  struct sigaction action = { .sa_handler = on_tick, .sa_flags = SA_RESTART };
  sigemptyset(&action.sa_mask);
  sigaction(SIGRTMIN, &action, NULL);
}

/* A timer whose ticks come to this thread. */
static bool make_timer(clockid_t clock, timer_t *timer)
{
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, install);
  struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN };
  event.sigev_notify_thread_id = gettid();
  return timer_create(clock, &event, timer) == 0;
}

void orc_watchdog_ready(void)
{
  struct sigaction action = { .sa_handler = on_late, .sa_flags = SA_RESTART };
  sigemptyset(&action.sa_mask);
  sigaction(SIGRTMIN + 1, &action, NULL);
  struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 1 };
  late_armed = timer_create(CLOCK_PROCESS_CPUTIME_ID, &event, &late) == 0;
}

/* While something on this thread is watched or minded it hears of a wish to stop at once. */
static void listen(void)
{
  const bool listens = current != NULL || minded.L != NULL;
  if (listens == (place > 0)) return;
  if (!listens) {
    atomic_store(&watched_threads[place - 1], 0);
    place = 0;
  }
  for (int i = 0; i < WATCHED && listens && place == 0; i++) {
    int none = 0;
    if (atomic_compare_exchange_strong(&watched_threads[i], &none, gettid())) place = i + 1;
  }
}

/*
** A hook costs every instruction, so Lua has it only once the user asks to stop, or after a while of the processor's
** time: the wish may come from elsewhere, or its signal go to another thread. What is made from now on and keeps the
** hook of now, a coroutine, calls for it at once.
*/
void orc_watchdog_mind(lua_State *L, bool on)
{
  enum { AFTER_MS = 250 };
  raised = 0;
  if (minded.armed) timer_delete(minded.timer);
  lua_sethook(L, NULL, 0, 0);
  minded.armed = false;
  minded.since = 0;
  minded.L = on ? L : NULL;
  listen();
  if (!on) return;
  const struct itimerspec once = { .it_value = { .tv_nsec = AFTER_MS * 1000000L } };
  if (!orc_watchdog_interrupted())
    minded.armed = make_timer(CLOCK_THREAD_CPUTIME_ID, &minded.timer);
  if (!minded.armed || timer_settime(minded.timer, 0, &once, NULL) != 0) hook_minded();
}

void orc_watchdog_mind_now(lua_State *L)
{
  if (minded.L == NULL || minded.since || current != NULL) return;
  hook_minded();
  lua_sethook(L, orc_watchdog_stop_if_asked, LUA_MASKCOUNT, INSTRUCTIONS);
}

int orc_watchdog_hold(lua_State *L)
{
  held++;
  const int status = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
  held--;
  if (status != LUA_OK) return lua_error(L);
  return lua_gettop(L);
}

int orc_watchdog_let_go(void)
{
  const int before = held;
  held = 0;
  return before;
}

void orc_watchdog_hold_again(int before)
{
  held = before;
}

void orc_watchdog_begin(orc_watchdog *w, lua_State *L)
{
  *w = (orc_watchdog){ .L = L, .outer = current };
  w->hook = lua_gethook(L);
  w->mask = lua_gethookmask(L);
  w->count = lua_gethookcount(L);
  lua_sethook(L, NULL, 0, 0);
  w->allocate = lua_getallocf(L, &w->store);
  lua_setallocf(L, allocate, w);
  current = w;
  listen();
  orc_floor_set(NULL);
  w->armed = make_timer(CLOCK_MONOTONIC, &w->timer);
  tick_every(w, ORC_WATCHDOG_TICK_MS);
}

static void restore_hook(const orc_watchdog *w)
{
  lua_sethook(w->L, w->hook, w->mask, w->count);
  if (w->outer != NULL || !minded.since) return;
  if (w->hook == NULL) lua_sethook(w->L, orc_watchdog_stop_if_asked, LUA_MASKCOUNT, INSTRUCTIONS);
  if (lua_gethook(minded.L) == NULL)
    lua_sethook(minded.L, orc_watchdog_stop_if_asked, LUA_MASKCOUNT, INSTRUCTIONS);
}

void orc_watchdog_hook_of_before(const orc_watchdog *w)
{
  if (minded.L != NULL) minded.since = 1; /* on_tick sets no hook while a watch is on */
  restore_hook(w);
}

void orc_watchdog_end(orc_watchdog *w)
{
  if (w->armed) timer_delete(w->timer);
  current = w->outer;
  listen();
  orc_floor_set(current != NULL && current->inside ? current->floor : NULL);
  lua_setallocf(w->L, w->allocate, w->store);
  restore_hook(w);
}

static lua_Hook stopping(int reason)
{
  if (reason == ORC_WATCHDOG_INTERRUPTED) return stop_interrupted;
  return reason == ORC_WATCHDOG_GREEDY ? stop_greedy : stop_policy;
}

lua_State *orc_watchdog_follow(lua_State *L)
{
  if (current == NULL || !current->inside) return NULL;
  lua_State *before = current->L;
  current->L = L;
  if (current->stopped != 0) lua_sethook(L, stopping(current->stopped), LUA_MASKCOUNT, 1);
  return before;
}

int orc_watchdog_watched(lua_State *L)
{
  lua_pushboolean(L, current != NULL && current->inside);
  return 1;
}

int orc_watchdog_guard(lua_State *L)
{
  orc_watchdog w;
  orc_watchdog_begin(&w, L);
  orc_watchdog_enter(&w, L);
  lua_pushcfunction(L, orc_source_line_handler);
  lua_insert(L, 1);
  const int status = lua_pcall(L, lua_gettop(L) - 2, LUA_MULTRET, 1);
  orc_watchdog_leave(&w);
  orc_watchdog_end(&w);
  if (status != LUA_OK) return lua_error(L);
  return lua_gettop(L) - 1;
}

int orc_watchdog_pcall(lua_State *L)
{
  luaL_checkany(L, 1);
  lua_pushboolean(L, 1);
  lua_insert(L, 1); /* [true, f, ...] */
  const int status = lua_pcall(L, lua_gettop(L) - 2, LUA_MULTRET, 0);
  if (status == LUA_OK) return lua_gettop(L);
  if (current != NULL && current->inside && current->stopped != 0) stop(L, current->stopped);
  lua_pushboolean(L, 0);
  lua_insert(L, -2);
  return 2;
}
