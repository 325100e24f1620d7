/*
** shape.h - the shape of a step's batch as a Lua table.
*/
#ifndef ORC_BIND_COST_SHAPE_H
#define ORC_BIND_COST_SHAPE_H

#include <lua.h>

#include "cost/step.h"

/* The fields of a shape (cost/step.h) into the table on top, by the names by which
** oracle.core.cost.step reads them. */
void orc_bind_put_shape(lua_State *L, const orc_step_shape *s);

#endif
