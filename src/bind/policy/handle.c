#include "bind/policy/handle.h"

#include "base/spelling.h"
#include "bind/error.h"

enum { VERBS = 64 }; /* no object has more */

orc_handles orc_handles_make(lua_State *L, const char *metatable)
{
  orc_handles handles = { .next = 0 };
  for (int i = 0; i < ORC_HANDLES; i++) {
    void **at = lua_newuserdatauv(L, sizeof *at, 0);
    *at = NULL;
    luaL_setmetatable(L, metatable);
    handles.at[i] = luaL_ref(L, LUA_REGISTRYINDEX);
  }
  return handles;
}

void orc_handles_free(lua_State *L, const orc_handles *handles)
{
  for (int i = 0; i < ORC_HANDLES; i++)
    luaL_unref(L, LUA_REGISTRYINDEX, handles->at[i]);
}

void **orc_handles_next(lua_State *L, orc_handles *handles)
{
  handles->next = (handles->next + 1) % ORC_HANDLES;
  lua_rawgeti(L, LUA_REGISTRYINDEX, handles->at[handles->next]);
  return lua_touserdata(L, -1);
}

void **orc_handles_push(lua_State *L, orc_handles *handles, const void *what)
{
  union {
    const void *in;
    void *out;
  } view = { .in = what };
  void **at = orc_handles_next(L, handles);
  *at = view.out;
  return at;
}

void *orc_handle_at(lua_State *L, int metatable, const char *what)
{
  void **at = lua_touserdata(L, 1);
  if (at == NULL || !lua_getmetatable(L, 1) || !lua_rawequal(L, -1, metatable))
    orc_bind_misuse(L, "a %s expected", what);
  lua_pop(L, 1);
  if (*at == NULL) orc_bind_misuse(L, "%s used outside its call", what);
  return *at;
}

/* __index of the verbs. Upvalues: the luaL_Reg, what they are of, what it is called. */
static int no_verb(lua_State *L)
{
  const luaL_Reg *verb = lua_touserdata(L, lua_upvalueindex(1));
  const char *what = lua_tostring(L, lua_upvalueindex(2)),
             *it = lua_tostring(L, lua_upvalueindex(3));
  const char *typed = luaL_tolstring(L, 2, NULL), *names[VERBS];
  int n = 0;
  luaL_Buffer all;
  for (const luaL_Reg *v = verb; v->name != NULL && n < VERBS; v++)
    names[n++] = v->name;
  const char *near = orc_spelling_nearest(typed, names, n);
  if (near != NULL)
    orc_bind_misuse(L, "a %s has no verb \"%s\"; did you mean %s:%s?", what, typed, it, near);
  luaL_buffinit(L, &all);
  for (int i = 0; i < n; i++) {
    if (i > 0) luaL_addstring(&all, ", ");
    luaL_addstring(&all, names[i]);
  }
  luaL_pushresult(&all);
  orc_bind_misuse(L, "a %s has no verb \"%s\"; it has %s", what, typed, lua_tostring(L, -1));
}

void orc_handle_strict(lua_State *L, const luaL_Reg *verbs, const char *what, const char *it)
{
  union {
    const luaL_Reg *in;
    void *out;
  } list = { .in = verbs }; /* an upvalue is untyped; it is only read */
  lua_createtable(L, 0, 1); /* [verbs, mt] */
  lua_pushlightuserdata(L, list.out);
  lua_pushstring(L, what);
  lua_pushstring(L, it);
  lua_pushcclosure(L, no_verb, 3);
  lua_setfield(L, -2, "__index");
  lua_setmetatable(L, -2);
}
