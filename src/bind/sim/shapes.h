/*
** shapes.h - the step shapes that a run kept, as tables.
*/
#ifndef ORC_BIND_SIM_SHAPES_H
#define ORC_BIND_SIM_SHAPES_H

#include <lua.h>

#include "cluster/cluster.h"

/*
** Push nil where none are kept, else a list of pools:
**   { role = "all", "prefill" or "decode",
**     alike = { { steps =, time = s, answered =, waiting =, shape = {} }, ... } }
** answered and waiting: requests with and without their first token, summed over the steps of all
** replicas of the pool; shape: the mean, its fields as in orc_step_shape.
*/
void orc_bind_push_shapes(lua_State *L, const orc_cluster *c);

#endif
