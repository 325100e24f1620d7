/*
** cluster.h - a whole simulation: made, run, freed. snapshot.h tells what it measured.
*/
#ifndef ORC_CLUSTER_CLUSTER_H
#define ORC_CLUSTER_CLUSTER_H

#include "base/base.h"
#include "cluster/config.h"
#include "cluster/state.h"

orc_cluster *orc_cluster_new(const orc_cluster_config *config);
void orc_cluster_free(orc_cluster *c); /* NULL is allowed */

/*
** Simulate up to `until` (ns; ORC_NEVER: until all requests have ended). May be called again to go
** on. False with *e when a source, a policy or the router failed, or requests are left that no
** replica serves. Stops early without failure when interrupted (c->interrupted tells).
*/
bool orc_cluster_run(orc_cluster *c, orc_time until, orc_error *e);

/* Handle the next event. Precondition: one is pending. */
void orc_cluster_step(orc_cluster *c);

/* Whether a run in which nothing is left to happen waits, up to `until`, for what is sent (control.h). */
bool orc_cluster_idles(const orc_cluster *c, orc_time until);

#endif
