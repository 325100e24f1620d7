/*
** lifecycle.h - replicas come and go: units start, fail and recover. How many there are is
** scaling.h's, which of them serve phases.h's.
*/
#ifndef ORC_CLUSTER_LIFECYCLE_H
#define ORC_CLUSTER_LIFECYCLE_H

#include "cluster/state.h"

/* Set up: of each pool the replicas are ready that `starts` says, the rest off. For
** orc_cluster_new, when pools and replicas are there. */
void orc_lifecycle_init(orc_cluster *c, const orc_lifecycle_config *config, const int *starts);
void orc_lifecycle_done(orc_lifecycle *f);

/* Put an event of the lifecycle into the engine's queue, behind the deadlines of that moment. */
void orc_lifecycle_later(orc_cluster *c, orc_time time, uint32_t kind, uint32_t subject);

/* `delay` ns from now, ORC_NEVER beyond the clock's end. */
orc_time orc_lifecycle_after(const orc_cluster *c, orc_time delay);

/* The unit that begins with replica `first` takes requests from now on; those that waited come. */
void orc_lifecycle_open(orc_cluster *c, int first);

/* The unit is rented from now on, and takes requests at `ready` (ns). */
void orc_lifecycle_start(orc_cluster *c, int first, orc_time ready);

/* The unit that begins with replica `first`, which works, loses all it had and takes requests again
** after `lasts` ns (ORC_NEVER: never); its requests go back to the router. */
void orc_lifecycle_fail(orc_cluster *c, int first, orc_time lasts);

/* Nothing happened since the last look, and nothing will. */
bool orc_lifecycle_quiet(orc_cluster *c);

#endif
