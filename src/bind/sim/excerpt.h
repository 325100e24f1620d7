/*
** excerpt.h - spec.excerpt: some of a run's requests, for a report.
*/
#ifndef ORC_BIND_SIM_EXCERPT_H
#define ORC_BIND_SIM_EXCERPT_H

#include "bind/sim/state.h"

/* Read spec.excerpt of the spec at `index` into s: { from =, to = s of a window, sample =, slowest =, window = records
** of each kind at most }; nothing where there is none. */
void orc_bind_read_excerpt(lua_State *L, orc_sim *s, int index);

/* Set "excerpt" of the table on top: { seen =, and lists of one length by what they hold }; nothing without spec.excerpt.
** Times in s, false where there is none; `in_sample`, `slowest`, `in_window`: why it was kept. */
void orc_bind_put_excerpt(lua_State *L, const orc_sim *s);

#endif
