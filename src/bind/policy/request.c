#include "bind/policy/request.h"

#include <lauxlib.h>

#include "base/spelling.h"
#include "bind/error.h"
#include "bind/policy/handle.h"

const char *const orc_policy_request_fields[ORC_FIELDS] = {
  [ORC_FIELD_ID] = "id",
  [ORC_FIELD_PROMPT] = "prompt",
  [ORC_FIELD_ARRIVAL] = "arrival",
  [ORC_FIELD_CLIENT] = "client",
  [ORC_FIELD_SESSION] = "session",
  [ORC_FIELD_PRIORITY] = "priority",
  [ORC_FIELD_PROFILE] = "profile",
  [ORC_FIELD_TIMEOUT] = "timeout",
  [ORC_FIELD_MAX_OUTPUT] = "max_output",
  [ORC_FIELD_GENERATED] = "generated",
  [ORC_FIELD_COMPUTED] = "computed",
  [ORC_FIELD_OUTPUT] = "output",
};

void orc_policy_request_push(lua_State *L, const orc_request *q, orc_policy_request_field field,
                             int32_t decoded)
{
  switch (field) {
  case ORC_FIELD_ID:
    lua_pushinteger(L, (lua_Integer)q->number + 1);
    break;
  case ORC_FIELD_PROMPT:
    lua_pushinteger(L, q->in.prompt);
    break;
  case ORC_FIELD_ARRIVAL:
    lua_pushnumber(L, (double)q->in.time * 1e-9);
    break;
  case ORC_FIELD_CLIENT:
    lua_pushinteger(L, q->in.client);
    break;
  case ORC_FIELD_SESSION:
    lua_pushinteger(L, (lua_Integer)q->in.session);
    break;
  case ORC_FIELD_PRIORITY:
    lua_pushinteger(L, q->in.priority);
    break;
  case ORC_FIELD_PROFILE:
    lua_pushinteger(L, q->in.profile);
    break;
  case ORC_FIELD_TIMEOUT:
    if (q->in.timeout == ORC_NEVER)
      lua_pushnil(L);
    else
      lua_pushnumber(L, (double)q->in.timeout * 1e-9);
    break;
  case ORC_FIELD_MAX_OUTPUT:
    lua_pushinteger(L, q->in.max_output);
    break;
  case ORC_FIELD_GENERATED:
    lua_pushinteger(L, q->generated + decoded);
    break;
  case ORC_FIELD_COMPUTED:
    lua_pushinteger(L, q->computed + decoded);
    break;
  default:
    lua_pushinteger(L, q->in.output);
  }
}

/* Upvalues of r's __index. */
enum { METATABLE = 1, SEES_OUTPUT, CODES };

static _Noreturn void no_field(lua_State *L, const char *name)
{
  const char *near = orc_spelling_nearest(name, orc_policy_request_fields, ORC_FIELDS);
  if (near != NULL)
    orc_bind_misuse(L, "a request has no field \"%s\"; did you mean r.%s?", name, near);
  orc_bind_misuse(L,
                  "a request has no field \"%s\" (id, prompt, arrival, client, session, priority, "
                  "profile, timeout, max_output, generated, computed)",
                  name);
}

/* r.prompt and the other fields of a request. */
static int field_of(lua_State *L)
{
  const orc_request *q = orc_handle_at(L, lua_upvalueindex(METATABLE), "request");
  lua_pushvalue(L, 2);
  if (lua_rawget(L, lua_upvalueindex(CODES)) == LUA_TNIL) no_field(L, luaL_checkstring(L, 2));
  const orc_policy_request_field field = (orc_policy_request_field)lua_tointeger(L, -1);
  if (field == ORC_FIELD_OUTPUT && !lua_toboolean(L, lua_upvalueindex(SEES_OUTPUT)))
    orc_bind_misuse(L, "output lengths are unknown to a policy without clairvoyant = true");
  orc_policy_request_push(L, q, field, 0);
  return 1;
}

void orc_policy_request_open(lua_State *L)
{
  static const char *const types[] = { "oracle.request", "oracle.request.clairvoyant" };
  lua_createtable(L, 0, ORC_FIELDS); /* [codes] */
  for (int i = 0; i < ORC_FIELDS; i++) {
    lua_pushinteger(L, i);
    lua_setfield(L, -2, orc_policy_request_fields[i]);
  }
  for (int sees_output = 0; sees_output < 2; sees_output++) {
    luaL_newmetatable(L, types[sees_output]); /* [codes, mt] */
    lua_pushvalue(L, -1);
    lua_pushboolean(L, sees_output);
    lua_pushvalue(L, -4);
    lua_pushcclosure(L, field_of, 3); /* [codes, mt, function] */
    lua_setfield(L, -2, "__index");
    lua_pushliteral(L, "oracle.request");
    lua_setfield(L, -2, "__metatable"); /* scripts cannot reach it */
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}
