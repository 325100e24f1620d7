/*
** spec_speculation.h - speculative decoding in the specification of a simulation.
*/
#ifndef ORC_BIND_SIM_SPEC_SPECULATION_H
#define ORC_BIND_SIM_SPEC_SPECULATION_H

#include "bind/args.h"
#include "replica/speculation.h"

/* speculation = { tokens =, lookahead =, drops_last_block =, acceptance = { chance, ... one for each } }
** of the table at `index`; nothing without it. */
orc_speculation orc_bind_read_speculation(lua_State *L, int index);

#endif
