/*
** cost.h - deployments as plain Lua tables: fields named as those of the C structs.
*/
#ifndef ORC_BIND_COST_COST_H
#define ORC_BIND_COST_COST_H

#include "bind/args.h"
#include "cost/step.h"

/*
** Each fills its struct from the table at `index` and leaves the stack as it was; a field that is
** absent where one is needed, or of the wrong type, raises "<model>.<field>: <expected>". Unknown
** fields are not looked at. The values themselves are judged by the orc_x_check functions.
*/

/* cost/model.h. Needed: the fields marked * there. gated_mlp is true and norms_per_layer 2 unless
** given, all else 0 or false. */
void orc_bind_read_model(lua_State *L, int index, orc_model *m);

/* cost/hardware.h. `flops` is a table of FLOP/s by format ("bf16", "fp8", ...; nil: the chip lacks
** it); nvlink and pcie are { bandwidth =, latency = } or nil. Needed: flops, memory, bandwidth. */
void orc_bind_read_hardware(lua_State *L, int index, orc_hardware *h);

/* cost/layout.h. Formats are names ("bf16", ...). Degrees are 1 unless given, activations bf16,
** weights and kv as activations, compute as weights of 8 bits or fp4, else as activations. layers
** is a list of counts or "balanced" (orc_layout_balance on model m, with head_layers). */
void orc_bind_read_layout(lua_State *L, int index, const orc_model *m, orc_layout *l);

/* cost/step.h. `kind` is "roofline", "constant" or "calibrated"; absent fields, or nil at `index`, are
** the defaults. A calibrated one has all of cost/calibrated.h in `calibration`. */
void orc_bind_read_cost_params(lua_State *L, int index, orc_cost_params *p);

/* cost/calibrated.h: numbers by their names, shares by format as tables by its name. */
void orc_bind_read_calibration(lua_State *L, int index, orc_calibration *c);

/* The argument at 1, { model =, hardware =, layout = [, cost =] }, checked and prepared. */
void orc_bind_read_argument(lua_State *L, orc_step_cost *c);

/*
** cost.ops{model =, layout =} -> the operations of a step on one GPU, in the order they run: a list
** of { name, flops, weights (B read once per step; of "experts": of one), bytes, per = "token", ... },
** the middle ones summed over the layers (cost/op.h).
*/
int orc_bind_cost_ops(lua_State *L);

/* oracle.core.cost.step, .prepare, .price, .calibration and .reprice (price.c). */
int orc_bind_cost_step(lua_State *L);

/* send { model =, hardware =, layout =, tokens = } -> s that the activations of a step are on their way between pipeline
** stages, in all, over the GPUs' own links. */
int orc_bind_cost_send(lua_State *L);
int orc_bind_cost_prepare(lua_State *L);
int orc_bind_cost_price(lua_State *L);
int orc_bind_cost_calibration(lua_State *L);
int orc_bind_cost_reprice(lua_State *L);

/* Make the metatables of what two of them return; once for a Lua state. */
void orc_bind_cost_price_open(lua_State *L);

/* oracle.core.cost.part_formats{model =, layout =} -> { qkv = "bf16", ... }: the format of each part's weights. */
int orc_bind_cost_part_formats(lua_State *L);

/* oracle.core.cost.calibration_fields() -> names of numbers, names of tables by format. */
int orc_bind_cost_calibration_fields(lua_State *L);

/* oracle.core.cost.dtypes and .flops: number formats, and what a chip does in them (dtype.c). */
int orc_bind_cost_dtypes(lua_State *L);
int orc_bind_cost_flops(lua_State *L);

#endif
