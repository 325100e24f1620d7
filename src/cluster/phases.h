/*
** phases.h - which replicas serve: those that are ready, start, drain, have failed or are off. The
** replicas of a unit have one phase.
*/
#ifndef ORC_CLUSTER_PHASES_H
#define ORC_CLUSTER_PHASES_H

#include "cluster/state.h"

/* The first replica of the unit that one belongs to, and the one behind its last. */
int orc_phases_first(const orc_cluster *c, int replica);
int orc_phases_end(const orc_cluster *c, int first);

/* List the replicas that are ready anew, after phases changed. */
void orc_phases_list(orc_cluster *c);

/* The unit has another phase from now on. */
void orc_phases_set(orc_cluster *c, int first, orc_phase phase);

/* The unit that has nothing left is not rented any more from `now` (ns) on. */
void orc_phases_switch_off(orc_cluster *c, int first, orc_time now);

/* The unit takes no more requests and is off once it has none. */
void orc_phases_drain(orc_cluster *c, int first);

/* A replica has less to do: where its unit drains and has nothing left, it is off from `now` on. */
void orc_phases_drained(orc_cluster *c, uint16_t replica, orc_time now);

/* Requests of a unit: here, or on their way to or from it. */
int64_t orc_phases_load(const orc_cluster *c, int first);

/* Units of a pool that are in one of two phases (the same twice: in this one). */
int orc_phases_units(const orc_cluster *c, const orc_pool *pool, orc_phase a, orc_phase b);

/* Whether replica `index` is or was ever rented. */
static inline bool orc_phases_seen(const orc_lifecycle *f, int index)
{
  return f->units[index].phase != ORC_PHASE_OFF || f->units[index].rented > 0;
}

/* s replica `index` was rented up to `now`. */
double orc_phases_rented(const orc_lifecycle *f, int index, orc_time now);

/* s of them in which it had failed. */
double orc_phases_down(const orc_lifecycle *f, int index, orc_time now);

#endif
