/*
** price.h - what steps of a deployment cost, as Lua asks it: oracle.core.cost. Functions take or
** give
**   a deployment   { model =, hardware =, layout = [, cost =] }, each as bind/cost/cost.h says
**   a shape        the fields of orc_step_shape (windowed ones as the full ones unless given), and
**                  chunks = { { tokens =, past =, samples = }, ... } to be added
**   a time         { gemm, attention, lm_head, other, collective, exchange, overhead, total } in s,
**                  { flops, bytes } of one GPU
*/
#ifndef ORC_BIND_COST_PRICE_H
#define ORC_BIND_COST_PRICE_H

#include <lua.h>

/* step{deployment, shape = [, own_cost =]} -> time */
int orc_bind_cost_step(lua_State *L);

/* prepare{deployment [, shapes = list]} -> what the next two price, prepared once */
int orc_bind_cost_prepare(lua_State *L);

/* price(prepared, shape) -> time */
int orc_bind_cost_price(lua_State *L);

/* calibration{...} -> the parameters of cost/calibrated.h, checked, for reprice */
int orc_bind_cost_calibration(lua_State *L);

/* reprice(prepared, calibration [, list]) -> s of its shapes under these parameters, in `list` where
** one is given. */
int orc_bind_cost_reprice(lua_State *L);

/* Make the metatables; once for a Lua state. */
void orc_bind_cost_price_open(lua_State *L);

#endif
