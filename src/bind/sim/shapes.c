#include "bind/sim/shapes.h"

#include "bind/cost/shape.h"
#include "bind/put.h"

static void push_alike(lua_State *L, const orc_steps_alike *a)
{
  const orc_step_shape mean = orc_step_shapes_mean(a);
  lua_createtable(L, 0, 5);
  orc_bind_put_integer(L, "steps", a->steps);
  orc_bind_put_number(L, "time", a->time);
  orc_bind_put_number(L, "answered", a->answered);
  orc_bind_put_number(L, "waiting", a->waiting);
  lua_createtable(L, 0, 14);
  orc_bind_put_shape(L, &mean);
  lua_setfield(L, -2, "shape");
}

static void push_pool(lua_State *L, const orc_cluster *c, int pool)
{
  static const char *const roles[] = { "all", "prefill", "decode" };
  const orc_pool *p = &c->pools[pool];
  int n = 0;
  lua_createtable(L, 0, 2);
  lua_pushstring(L, roles[c->replicas[p->first].role]);
  lua_setfield(L, -2, "role");
  lua_createtable(L, 16, 0);
  for (int i = 0; i < ORC_SHAPES; i++) {
    orc_steps_alike sum = { 0 };
    for (int r = p->first; r < p->first + p->count; r++)
      orc_step_shapes_merge(&sum, &c->replicas[r].shapes->at[i]);
    if (sum.steps == 0) continue;
    push_alike(L, &sum);
    lua_rawseti(L, -2, ++n);
  }
  lua_setfield(L, -2, "alike");
}

void orc_bind_push_shapes(lua_State *L, const orc_cluster *c)
{
  if (c->replicas[0].shapes == NULL) {
    lua_pushnil(L);
    return;
  }
  lua_createtable(L, c->pool_count, 0);
  for (int i = 0; i < c->pool_count; i++) {
    push_pool(L, c, i);
    lua_rawseti(L, -2, i + 1);
  }
}
