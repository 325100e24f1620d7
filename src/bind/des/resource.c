/* resource.c - resources as Lua sees them: servers that processes ask for, hold and give back. */
#include "bind/des/des.h"

#include <string.h>

#include "sim/resource.h"

/* User values of a resource. */
enum { IN_USE = 1, QUEUE_LENGTH, WAITS, USERS, VALUES = USERS };

/* With its measures, which are its user values. */
typedef struct server {
  orc_resource of;
  orc_lua_level *in_use, *queue_length;
  orc_hist *waits;
  bool by_priority;
} server;

/* ---- making one ---- */

static int make(lua_State *L, const char *name, bool by_priority, bool preemptive)
{
  orc_lua_des_self(L);
  lua_settop(L, 2);
  int whole = true;
  const lua_Integer capacity = lua_isnil(L, 2) ? 1 : lua_tointegerx(L, 2, &whole);
  if (!whole || lua_type(L, 2) == LUA_TSTRING || capacity < 1 || capacity > UINT32_MAX)
    orc_bind_misuse(L, "env:%s: a capacity from 1 to %I expected, got %s", name,
                    (LUAI_UACINT)UINT32_MAX, luaL_tolstring(L, 2, NULL));
  server *s = lua_newuserdatauv(L, sizeof *s, VALUES); /* 3 */
  s->by_priority = by_priority;
  orc_resource_init(&s->of, (uint32_t)capacity, preemptive);
  s->in_use = orc_lua_des_new_level(L, 1, 0.0);
  lua_setiuservalue(L, 3, IN_USE);
  s->queue_length = orc_lua_des_new_level(L, 1, 0.0);
  lua_setiuservalue(L, 3, QUEUE_LENGTH);
  s->waits = orc_lua_des_new_tally(L);
  lua_setiuservalue(L, 3, WAITS);
  lua_newtable(L); /* users of a preemptive one, by address, so that they stay */
  lua_setiuservalue(L, 3, USERS);
  lua_pushvalue(L, ORC_DES_RESOURCES);
  lua_setmetatable(L, 3);
  return 1;
}

/* env:resource(capacity) */
int orc_lua_des_resource(lua_State *L)
{
  return make(L, "resource", false, false);
}

/* env:priority_resource(capacity) */
int orc_lua_des_priority_resource(lua_State *L)
{
  return make(L, "priority_resource", true, false);
}

/* env:preemptive_resource(capacity) */
int orc_lua_des_preemptive_resource(lua_State *L)
{
  return make(L, "preemptive_resource", true, true);
}

/* Whether argument 1 is a resource of this environment. */
static bool is_server(lua_State *L)
{
  if (lua_touserdata(L, 1) == NULL || !lua_getmetatable(L, 1)) return false;
  const bool is = lua_rawequal(L, -1, ORC_DES_RESOURCES);
  lua_pop(L, 1);
  return is;
}

static server *self(lua_State *L)
{
  if (!is_server(L))
    orc_bind_misuse(L, "a resource of this environment expected before the arguments: "
                       "resource:name(...), not resource.name");
  return lua_touserdata(L, 1);
}

int orc_lua_des_resource_collect(lua_State *L)
{
  server *s = lua_touserdata(L, 1);
  orc_resource_done(&s->of);
  return 0;
}

/* ---- asking ---- */

static void measure(server *s)
{
  orc_lua_des_put(s->in_use, s->of.count);
  orc_lua_des_put(s->queue_length, s->of.queue.count);
}

static void measure_wait(server *s, const orc_request *q)
{
  orc_hist_add(s->waits, q->granted - q->asked, 1);
}

/* Options at 2: { priority =, preempt = }. Returns the priority. */
static double options(lua_State *L, const server *s, bool *preempts)
{
  *preempts = true;
  if (lua_isnil(L, 2)) return 0.0;
  if (!lua_istable(L, 2)) orc_bind_misuse(L, "resource:request: a table of options expected");
  double priority = 0.0;
  if (lua_getfield(L, 2, "priority") != LUA_TNIL) {
    priority = lua_tonumber(L, -1);
    if (lua_type(L, -1) != LUA_TNUMBER || priority != priority)
      orc_bind_misuse(L, "resource:request: priority: a number expected, got %s",
                      luaL_tolstring(L, -1, NULL));
    if (!s->by_priority)
      orc_bind_misuse(L, "resource:request: priorities are of env:priority_resource and "
                         "env:preemptive_resource");
  }
  if (lua_getfield(L, 2, "preempt") != LUA_TNIL) *preempts = lua_toboolean(L, -1);
  lua_pop(L, 2);
  return priority;
}

/* A user of a preemptive resource stays in its table while it is one. The resource is at 1. */
static void keep_user(lua_State *L, const server *s, const orc_request *q, int index)
{
  if (!s->of.preemptive) return;
  index = lua_absindex(L, index);
  lua_getiuservalue(L, 1, USERS);
  lua_pushvalue(L, index);
  lua_rawsetp(L, -2, q);
  lua_pop(L, 1);
}

/* `victim` lost its server to the request at the top: its process is interrupted. */
static void tell_victim(lua_State *L, orc_request *victim)
{
  const int winner = lua_gettop(L);
  lua_getiuservalue(L, 1, USERS);
  lua_rawgetp(L, -1, victim);
  lua_getiuservalue(L, -1, ORC_DES_MORE);
  orc_lua_process *p = lua_touserdata(L, -1);
  lua_pushnil(L);
  lua_rawsetp(L, winner + 1, victim);
  if (p != NULL && orc_des_alive(&p->process) && p != orc_lua_des_of(L)->current) {
    lua_createtable(L, 0, 4);
    lua_getiuservalue(L, winner, ORC_DES_MORE);
    lua_setfield(L, -2, "by");
    lua_pushvalue(L, 1);
    lua_setfield(L, -2, "resource");
    lua_pushnumber(L, (double)victim->granted / 1e9);
    lua_setfield(L, -2, "usage_since");
    lua_pushboolean(L, true);
    lua_setfield(L, -2, "preempted");
    orc_lua_des_send(L, &p->process);
  }
  lua_settop(L, winner);
}

/* resource:request{ priority =, preempt = } -> an event that happens when it is granted */
static int request(lua_State *L)
{
  server *s = self(L);
  orc_lua_des *env = orc_lua_des_of(L);
  bool preempts;
  lua_settop(L, 2);
  const double priority = options(L, s, &preempts);
  orc_request *q = orc_lua_des_new(L, env, ORC_DES_REQUEST, sizeof *q, ORC_DES_RESOURCE);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, 3, ORC_DES_RESOURCE);
  if (env->current != NULL) {
    lua_rawgeti(L, ORC_DES_HELD, (lua_Integer)env->current->process.end.slot);
    lua_setiuservalue(L, 3, ORC_DES_MORE);
  }
  env->L = L;
  orc_request *victim = orc_resource_ask(&s->of, q, priority, preempts);
  orc_lua_des_keep(L, 3, &q->event);
  if (q->state == ORC_REQUEST_HOLDS) {
    measure_wait(s, q);
    keep_user(L, s, q, 3);
  }
  measure(s);
  if (victim != NULL) tell_victim(L, victim);
  return 1;
}

/* The resource is at 1, the request `q` anywhere. */
static void release(lua_State *L, server *s, orc_request *q)
{
  if (s->of.preemptive) {
    lua_getiuservalue(L, 1, USERS);
    lua_pushnil(L);
    lua_rawsetp(L, -2, q);
    lua_pop(L, 1);
  }
  orc_lua_des_of(L)->L = L;
  if (s->of.preemptive && s->of.queue.count > 0) { /* it is held now, and will be a user */
    const orc_request *next = s->of.queue.at[0];
    lua_rawgeti(L, ORC_DES_HELD, (lua_Integer)next->event.slot);
    keep_user(L, s, next, -1);
    lua_pop(L, 1);
  }
  const orc_request *next = orc_resource_release(&s->of, q);
  if (next != NULL) measure_wait(s, next);
  measure(s);
}

/* Argument 2 as a request of the resource at 1. */
static orc_request *request_of(lua_State *L)
{
  orc_des_event *e = orc_lua_des_event(L, 2);
  bool mine = e->kind == ORC_DES_REQUEST;
  if (mine) {
    lua_getiuservalue(L, 2, ORC_DES_RESOURCE);
    mine = lua_rawequal(L, -1, 1);
    lua_pop(L, 1);
  }
  if (!mine) orc_bind_misuse(L, "a request of this resource expected");
  return (orc_request *)e;
}

/* resource:release(request): one that was preempted has been given back already */
static int release_method(lua_State *L)
{
  server *s = self(L);
  orc_request *q = request_of(L);
  if (q->state == ORC_REQUEST_WAITS)
    orc_bind_misuse(L, "release: the request has not been granted; request:cancel() takes it back");
  if (q->state == ORC_REQUEST_OVER)
    orc_bind_misuse(L, "release: the request holds its resource no longer");
  if (q->state == ORC_REQUEST_HOLDS) release(L, s, q);
  return 0;
}

static bool cancel(lua_State *L, server *s, orc_request *q)
{
  if (q->state != ORC_REQUEST_WAITS) return false;
  orc_lua_des_of(L)->L = L;
  orc_resource_cancel(&s->of, q);
  measure(s);
  return true;
}

/* resource:cancel(request) -> whether it still waited */
static int cancel_method(lua_State *L)
{
  server *s = self(L);
  lua_pushboolean(L, cancel(L, s, request_of(L)));
  return 1;
}

/* resource:requests() -> those that wait, in their order */
static int requests(lua_State *L)
{
  const server *s = self(L);
  const orc_request_list *queue = &s->of.queue;
  lua_createtable(L, (int)queue->count, 0);
  for (uint32_t i = 0; i < queue->count; i++) {
    uint32_t rank = 1; /* a heap is in no order; who looks at queues looks at short ones */
    for (uint32_t k = 0; k < queue->count; k++)
      if (orc_request_before(queue->at[k], queue->at[i])) rank++;
    lua_rawgeti(L, ORC_DES_HELD, (lua_Integer)queue->at[i]->event.slot);
    lua_rawseti(L, -2, rank);
  }
  return 1;
}

/* resource:reset(): statistics begin anew, as at the end of a warm-up */
static int reset(lua_State *L)
{
  server *s = self(L);
  orc_lua_des_reset_level(s->in_use);
  orc_lua_des_reset_level(s->queue_length);
  orc_hist_done(s->waits);
  return 0;
}

const luaL_Reg orc_lua_des_resource_methods[] = {
  { "request", request },      { "release", release_method },
  { "cancel", cancel_method }, { "requests", requests },
  { "reset", reset },          { NULL, NULL },
};

/* resource[key] */
int orc_lua_des_resource_field(lua_State *L)
{
  lua_rawgeti(L, ORC_DES_RESOURCES, ORC_DES_METHODS_OF);
  lua_pushvalue(L, 2);
  if (lua_rawget(L, -2) != LUA_TNIL) return 1;
  const server *s = self(L);
  const char *key = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
  if (strcmp(key, "capacity") == 0)
    lua_pushinteger(L, s->of.capacity);
  else if (strcmp(key, "count") == 0)
    lua_pushinteger(L, s->of.count);
  else if (strcmp(key, "waiting") == 0)
    lua_pushinteger(L, s->of.queue.count);
  else if (strcmp(key, "in_use") == 0)
    lua_getiuservalue(L, 1, IN_USE);
  else if (strcmp(key, "queue_length") == 0)
    lua_getiuservalue(L, 1, QUEUE_LENGTH);
  else if (strcmp(key, "waits") == 0)
    lua_getiuservalue(L, 1, WAITS);
  else
    orc_bind_misuse(L, "a resource has no \"%s\"", luaL_tolstring(L, 2, NULL));
  return 1;
}

/* ---- requests ---- */

/* Push a field of request `e` at 1; false where that is not one. */
bool orc_lua_des_request_field(lua_State *L, const orc_des_event *e, const char *key)
{
  if (e->kind != ORC_DES_REQUEST) return false;
  const orc_request *q = (const orc_request *)e;
  if (strcmp(key, "resource") == 0)
    lua_getiuservalue(L, 1, ORC_DES_RESOURCE);
  else if (strcmp(key, "process") == 0)
    lua_getiuservalue(L, 1, ORC_DES_MORE);
  else if (strcmp(key, "priority") == 0)
    lua_pushnumber(L, q->priority);
  else if (strcmp(key, "time") == 0)
    lua_pushnumber(L, (double)q->asked / 1e9);
  else if (strcmp(key, "since") != 0)
    return false;
  else if (q->event.state == ORC_DES_PENDING)
    lua_pushnil(L);
  else
    lua_pushnumber(L, (double)q->granted / 1e9);
  return true;
}

/* The request at 1 becomes argument 2, its resource argument 1. */
static server *resource_of(lua_State *L)
{
  lua_settop(L, 1);
  lua_getiuservalue(L, 1, ORC_DES_RESOURCE);
  lua_insert(L, 1);
  return lua_touserdata(L, 1);
}

/* request:release() */
int orc_lua_des_request_release(lua_State *L)
{
  if (orc_lua_des_event(L, 1)->kind != ORC_DES_REQUEST)
    orc_bind_misuse(L, "only the request of a resource can be released");
  resource_of(L);
  return release_method(L);
}

/* The request `e` at 1 waits no longer. Returns whether it did. */
bool orc_lua_des_request_cancel(lua_State *L, orc_des_event *e)
{
  return cancel(L, resource_of(L), (orc_request *)e);
}

/* The block of the request `e` at 1 ends: it is given back, or cancelled. */
void orc_lua_des_request_close(lua_State *L, orc_des_event *e)
{
  orc_request *q = (orc_request *)e;
  server *s = resource_of(L);
  if (q->state == ORC_REQUEST_HOLDS)
    release(L, s, q);
  else
    cancel(L, s, q);
}
