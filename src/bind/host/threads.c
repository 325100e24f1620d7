#include "bind/host/threads.h"

void orc_threads_begin_start(sigset_t *before)
{
  sigset_t users;
  sigemptyset(&users);
  sigaddset(&users, SIGINT);
  sigaddset(&users, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &users, before);
}

void orc_threads_end_start(const sigset_t *before)
{
  pthread_sigmask(SIG_SETMASK, before, NULL);
}

void orc_threads_push_maker(lua_State *L, const orc_threads_type *type, const char *home)
{
  luaL_newmetatable(L, type->name); /* [mt] */
  lua_pushcfunction(L, type->collect);
  lua_setfield(L, -2, "__gc");
  lua_newtable(L);
  luaL_setfuncs(L, type->methods, 0);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  union {
    const char *in;
    void *out;
  } folder = { .in = home }; /* an upvalue is untyped; it is only read */
  lua_pushlightuserdata(L, folder.out);
  lua_pushcclosure(L, type->make, 1);
}
