/*
** dtype.c - number formats, for Lua: oracle.core.cost.dtypes() and .flops(hardware, format).
**   dtypes()   a list of { name =, bits =, weight_bits =, floating =, weight_only =, peak =, and as far
**              as there are any group =, scale_bits =, zero_bits = }: the rows of cost/dtype.h;
**              weight_bits with scales and zero points, peak the name of the rate it computes at.
**              In its field `aliases` a list of { name =, is =, and true for each of activations, kv,
**              weights, tensors, method that it is used for }
**   flops(hardware, format)   FLOP/s of matrix work in that format (orc_hardware_flops)
*/
#include <lauxlib.h>

#include "bind/cost/cost.h"
#include "bind/put.h"
#include "cost/dtype.h"

static void push_row(lua_State *L, orc_dtype d)
{
  const orc_dtype_row *f = orc_dtype_of(d);
  lua_createtable(L, 0, 9);
  orc_bind_put_text(L, "name", f->name);
  orc_bind_put_number(L, "bits", f->bits);
  orc_bind_put_number(L, "weight_bits", 8.0 * orc_dtype_weight_bytes(d));
  orc_bind_put_bool(L, "floating", f->floating);
  orc_bind_put_bool(L, "weight_only", f->weight_only);
  orc_bind_put_text(L, "peak", orc_dtype_name(f->peak));
  if (f->group == 0) return;
  orc_bind_put_number(L, "group", f->group);
  orc_bind_put_number(L, "scale_bits", f->scale_bits);
  orc_bind_put_number(L, "zero_bits", f->zero_bits);
}

static void push_alias(lua_State *L, const orc_dtype_alias *a)
{
  static const struct {
    const char *name;
    unsigned bit;
  } uses[] = { { "activations", ORC_NAMES_ACTIVATIONS },
               { "kv", ORC_NAMES_KV },
               { "weights", ORC_NAMES_WEIGHTS },
               { "tensors", ORC_NAMES_TENSORS },
               { "method", ORC_NAMES_METHOD } };
  lua_createtable(L, 0, 7);
  orc_bind_put_text(L, "name", a->name);
  orc_bind_put_text(L, "is", orc_dtype_name(a->is));
  for (size_t i = 0; i < sizeof uses / sizeof *uses; i++)
    if ((a->used & uses[i].bit) != 0) orc_bind_put_bool(L, uses[i].name, true);
}

int orc_bind_cost_dtypes(lua_State *L)
{
  int count;
  const orc_dtype_alias *aliases = orc_dtype_aliases(&count);
  lua_createtable(L, ORC_DTYPES, 1);
  for (int i = 0; i < ORC_DTYPES; i++) {
    push_row(L, (orc_dtype)i);
    lua_rawseti(L, -2, i + 1);
  }
  lua_createtable(L, count, 0);
  for (int i = 0; i < count; i++) {
    push_alias(L, &aliases[i]);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, "aliases");
  return 1;
}

int orc_bind_cost_flops(lua_State *L)
{
  orc_hardware h;
  orc_error e = { .code = 0 };
  orc_dtype d;
  luaL_checktype(L, 1, LUA_TTABLE);
  const char *name = luaL_checkstring(L, 2);
  if (!orc_dtype_find(name, &d)) orc_bind_fail(L, "flops: \"%s\" is no format", name);
  orc_bind_read_hardware(L, 1, &h);
  if (!orc_hardware_check(&h, &e)) orc_bind_raise(L, &e);
  lua_pushnumber(L, orc_hardware_flops(&h, d));
  return 1;
}
