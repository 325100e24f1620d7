/* calibration.c - the parameters of a fit, as Lua gives them. */
#include <lauxlib.h>
#include <string.h>

#include "bind/cost/cost.h"

typedef struct field {
  const char *name;
  size_t offset;
} field;

#define AT(name)                                                                                   \
  {                                                                                                \
#name, offsetof(orc_calibration, name)                                                         \
  }

static const field numbers[] = {
  AT(slice_width),           AT(routing_skew),      AT(rank_imbalance),
  AT(attention_decode),      AT(attention_prefill), AT(attention_decode_compute),
  AT(prefill_ramp),          AT(reduce_latency),    AT(reduce_bandwidth),
  AT(layer_floor),           AT(quantised_floor),   AT(latent_floor),
  AT(sparse_floor),          AT(state_floor),       AT(expert_floor),
  AT(expert_parallel_floor), AT(step_host),         AT(sequence_host),
  AT(prompt_host),           AT(older_factor),      AT(block_floor),
};

static const field by_format[] = {
  AT(gemm_bandwidth),
  AT(gemm_compute),
  AT(expert_bandwidth),
  AT(expert_compute),
};

enum {
  NUMBERS = sizeof numbers / sizeof *numbers,
  BY_FORMAT = sizeof by_format / sizeof *by_format
};

static void read_formats(lua_State *L, int index, const char *name, double shares[ORC_DTYPES])
{
  if (lua_getfield(L, index, name) != LUA_TTABLE)
    orc_bind_fail(L, "calibration.%s: a table by format expected, got %s", name,
                  luaL_typename(L, -1));
  for (int i = 0; i < ORC_DTYPES; i++)
    shares[i] = orc_bind_number_or(L, lua_gettop(L), name, orc_dtype_name((orc_dtype)i), 0.0);
  lua_pop(L, 1);
}

void orc_bind_read_calibration(lua_State *L, int index, orc_calibration *c)
{
  index = lua_absindex(L, index);
  if (!lua_istable(L, index))
    orc_bind_fail(L, "calibration: a table expected, got %s", luaL_typename(L, index));
  for (int i = 0; i < NUMBERS; i++)
    *(double *)((char *)c + numbers[i].offset) =
        orc_bind_number(L, index, "calibration", numbers[i].name);
  for (int i = 0; i < BY_FORMAT; i++)
    read_formats(L, index, by_format[i].name, (double *)((char *)c + by_format[i].offset));
}

int orc_bind_cost_calibration_fields(lua_State *L)
{
  lua_createtable(L, NUMBERS, 0);
  for (int i = 0; i < NUMBERS; i++) {
    lua_pushstring(L, numbers[i].name);
    lua_rawseti(L, -2, i + 1);
  }
  lua_createtable(L, BY_FORMAT, 0);
  for (int i = 0; i < BY_FORMAT; i++) {
    lua_pushstring(L, by_format[i].name);
    lua_rawseti(L, -2, i + 1);
  }
  return 2;
}
