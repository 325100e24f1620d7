/*
** trace.h - spec.trace: a run as a trace of Chrome and Perfetto (obs/chrome_trace.h).
*/
#ifndef ORC_BIND_SIM_TRACE_H
#define ORC_BIND_SIM_TRACE_H

#include "bind/sim/state.h"

/* Open the trace that spec.trace of the spec at `index` asks for: { path =, from =, to = s, events = at most };
** nothing where there is none. */
void orc_bind_read_trace(lua_State *L, orc_sim *s, int index);

/* Close it at `end` (ns) and set "trace" of the result on top: { events =, cut = s after which nothing was written,
** or nil }. Raises when it could not be written. */
void orc_bind_put_trace(lua_State *L, orc_sim *s, orc_time end);

/* Close it, whatever it holds. */
void orc_bind_drop_trace(orc_sim *s);

#endif
