/*
** spec_rules.h - the rules of an engine's version (replica/rules.h), from engine.rules of a spec:
** a table of their names; those that are absent are false or 0.
*/
#ifndef ORC_BIND_SIM_SPEC_RULES_H
#define ORC_BIND_SIM_SPEC_RULES_H

#include <lua.h>

#include "replica/rules.h"

/* Of the engine's table at `index`; raises what is wrong. */
orc_rules orc_bind_read_rules(lua_State *L, int index);

#endif
