/*
** spec_lora.h - LoRA adapters in the specification of a simulation: those of a server, and those of
** the requests of a source.
*/
#ifndef ORC_BIND_SIM_SPEC_LORA_H
#define ORC_BIND_SIM_SPEC_LORA_H

#include <lua.h>

#include "replica/lora.h"
#include "workload/adapter_mix.h"

/* lora = { adapters =, slots =, host =, slot_seconds =, load_seconds = } of the table at `index`;
** nothing without it. */
orc_lora_plan orc_bind_read_lora(lua_State *L, int index);

/* adapters = { { adapter =, share = }, ... } of the table at `index`, shares > 0; nothing without it. */
orc_adapter_mix orc_bind_read_adapters(lua_State *L, int index);

#endif
