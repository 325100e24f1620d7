/*
** threads.h - what objects of Lua that have threads of their own are alike in (thread_pool.h, bind/sim/slices.h).
*/
#ifndef ORC_BIND_HOST_THREADS_H
#define ORC_BIND_HOST_THREADS_H

#include <lauxlib.h>
#include <signal.h>

/* Signals of the user are for the thread that owns others; the watch's own go to each. Begin before they are
** started, which take the mask over, and end with what `before` was set to. */
void orc_threads_begin_start(sigset_t *before);
void orc_threads_end_start(const sigset_t *before);

/* How objects of a type are told and made. */
typedef struct orc_threads_type {
  const char *name;
  const luaL_Reg *methods; /* ends with { NULL, NULL } */
  lua_CFunction collect, make;
} orc_threads_type;

/* [] -> [make]: the type is registered; the folder of the program is upvalue 1 of `make`, a light userdata. */
void orc_threads_push_maker(lua_State *L, const orc_threads_type *type, const char *home);

#endif
