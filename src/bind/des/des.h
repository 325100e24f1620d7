/*
** des.h - what the files of bind/des share: an environment of processes, as Lua sees it.
**
** Every function of an environment and of its events is a closure with the same upvalues, so that an
** event keeps its environment alive and is told from one of another environment by its metatable.
** Events are userdata that hold the structs of sim/des.h, so they never move; while the environment
** holds one in a slot, the table ORC_DES_HELD has it at the slot's number.
*/
#ifndef ORC_BIND_DES_DES_H
#define ORC_BIND_DES_DES_H

#include <lauxlib.h>

#include "base/hist.h"
#include "base/rng.h"
#include "bind/args.h"
#include "sim/des.h"

/* Pseudo-indices of what the closures share. */
#define ORC_DES_ENV lua_upvalueindex(1)       /* the environment */
#define ORC_DES_HELD lua_upvalueindex(2)      /* slot -> what is held; names -> random streams */
#define ORC_DES_EVENTS lua_upvalueindex(3)    /* metatable of events */
#define ORC_DES_THREADS lua_upvalueindex(4)   /* coroutine's address -> coroutine, of all in use */
#define ORC_DES_METHODS lua_upvalueindex(5)   /* of events */
#define ORC_DES_RESOURCES lua_upvalueindex(6) /* metatable of resources */
#define ORC_DES_STORES lua_upvalueindex(7)    /* metatable of stores */

enum { ORC_DES_UPVALUES = 7, ORC_DES_IDLE = 1024 };

/* Where the metatables of resources and stores have their methods. */
enum { ORC_DES_METHODS_OF = 1 };

/* User values of an event. */
enum {
  ORC_DES_VALUE = 1, /* what it happened with, or the error */
  ORC_DES_FIELDS,    /* the user's own, a table; nil before the first */
  ORC_DES_MORE,      /* a condition's members; of a process that failed, what to say of it; of a
                        request, the process that asked; of a put the thing, of a get the filter */
  ORC_DES_RESOURCE,  /* of a request; the store of a put or get */
};

/* A process: `process.end` is its event. */
typedef struct orc_lua_process {
  orc_des_process process;
  lua_State *T; /* NULL once it has ended */
  int args;     /* for its start */
} orc_lua_process;

typedef struct orc_lua_des {
  orc_des des;
  lua_State *L;             /* where calls of the host run: a function with the upvalues above */
  orc_lua_process *current; /* the process that runs, or NULL */
  bool running;             /* within run or step */
  bool waits;               /* the process that runs yields in order to wait */
  bool thrown;              /* and goes on by raising what is on top of its stack */
  bool failed;              /* an error that nothing waited for is on top of the stack of L */
  bool closed;
  uint64_t seed;
  orc_rng chance; /* what math.random of its processes draws from */
  int idle_count;
  lua_State *idle[ORC_DES_IDLE]; /* coroutines to use again */
} orc_lua_des;

/* The environment of the running function; raises when it has been collected. */
orc_lua_des *orc_lua_des_of(lua_State *L);

/* The same, of a method of the environment: raises unless argument 1 is it. */
orc_lua_des *orc_lua_des_self(lua_State *L);

/* Argument `index` as an event of this environment; raises what is wrong with it. */
orc_des_event *orc_lua_des_event(lua_State *L, int index);

/* Push a new event of `size` bytes, whose struct begins with an orc_des_event. */
void *orc_lua_des_new(lua_State *L, orc_lua_des *env, orc_des_kind kind, size_t size, int values);

/* The environment holds the event at `index` in the slot it has, if it has one. */
void orc_lua_des_keep(lua_State *L, int index, const orc_des_event *e);

/* The delay in seconds at `index`; raises unless it is finite and >= 0. */
orc_time orc_lua_des_delay(lua_State *L, const orc_lua_des *env, int index);

/* The process that runs in L; raises where none does. */
orc_lua_process *orc_lua_des_current(lua_State *L, const orc_lua_des *env);

/* process.c: what sim/des.h asks of a host, and the methods that begin, wait and interrupt. */
void orc_lua_des_host(orc_lua_des *env, orc_des_host *host);
int orc_lua_des_process(lua_State *L);
int orc_lua_des_sleep(lua_State *L);
int orc_lua_des_wait(lua_State *L);
int orc_lua_des_try(lua_State *L);
int orc_lua_des_interrupt(lua_State *L);
int orc_lua_des_is_interrupt(lua_State *L);
void orc_lua_des_send(lua_State *L, orc_des_process *p); /* an interrupt, its cause on top */

/* event.c: the methods of events, `methods` of the environment that make them. */
extern const luaL_Reg orc_lua_des_event_methods[];
int orc_lua_des_event_field(lua_State *L); /* event[key] */
int orc_lua_des_event_set(lua_State *L);   /* event[key] = value */
int orc_lua_des_event_close(lua_State *L); /* where the block of a <close> variable ends */
int orc_lua_des_event_or(lua_State *L);    /* a | b */
int orc_lua_des_event_and(lua_State *L);   /* a & b */
int orc_lua_des_timeout(lua_State *L);
int orc_lua_des_plain(lua_State *L);
int orc_lua_des_any_of(lua_State *L);
int orc_lua_des_all_of(lua_State *L);
void orc_lua_des_settle(void *self, orc_des_condition *c, orc_des_event *failed);

/*
** resource.c: servers that processes hold. `methods` of resources; of requests, what their fields,
** their methods and the end of their block come to.
*/
extern const luaL_Reg orc_lua_des_resource_methods[];
int orc_lua_des_resource(lua_State *L);
int orc_lua_des_priority_resource(lua_State *L);
int orc_lua_des_preemptive_resource(lua_State *L);
int orc_lua_des_resource_field(lua_State *L);
int orc_lua_des_resource_collect(lua_State *L);
bool orc_lua_des_request_field(lua_State *L, const orc_des_event *e, const char *key);
int orc_lua_des_request_release(lua_State *L);
bool orc_lua_des_request_cancel(lua_State *L, orc_des_event *e);
void orc_lua_des_request_close(lua_State *L, orc_des_event *e);

/* store.c: the same of stores, whose puts and gets are of the kind ORC_DES_ASK. */
extern const luaL_Reg orc_lua_des_store_methods[];
int orc_lua_des_store(lua_State *L);
int orc_lua_des_filter_store(lua_State *L);
int orc_lua_des_priority_store(lua_State *L);
int orc_lua_des_store_field(lua_State *L);
int orc_lua_des_store_collect(lua_State *L);
bool orc_lua_des_ask_cancel(lua_State *L, orc_des_event *e);

/* stream.c: random streams. Methods of the environment. */
int orc_lua_des_random(lua_State *L);

/* measure.c: a quantity over time; averages are of the time from `begin` on. */
typedef struct orc_lua_level {
  const orc_lua_des *env;
  orc_time begin, since; /* since: the value has been what it is */
  double value, least, most;
  double area, squares; /* integrals over time in s up to `since` */
} orc_lua_level;

int orc_lua_des_level(lua_State *L);
int orc_lua_des_tally(lua_State *L);

/* Push a level of the environment at `index`, or a tally. */
orc_lua_level *orc_lua_des_new_level(lua_State *L, int index, double value);
orc_hist *orc_lua_des_new_tally(lua_State *L);
void orc_lua_des_put(orc_lua_level *l, double value);
void orc_lua_des_reset_level(orc_lua_level *l);

#endif
