/*
** arrivals.h - requests to come: the next one of each source, and those that follow an answer.
*/
#ifndef ORC_CLUSTER_ARRIVALS_H
#define ORC_CLUSTER_ARRIVALS_H

#include "cluster/state.h"

/* Draw a source's next arrival and wait for its time. A failure ends the run. */
void orc_arrivals_draw(orc_cluster *c, uint32_t source);

/* An arrival of `source` that follows an answer of replica `from` waits for its time. */
void orc_arrivals_expect(orc_cluster *c, uint32_t source, uint16_t from, const orc_arrival *a);

/* The arrival that was expected under this index; the index is free again. */
orc_arrival orc_arrivals_take(orc_cluster *c, uint32_t index);

/* Whether one more may come; the last one leaves nothing to be expected behind it. */
bool orc_arrivals_let_come(orc_cluster *c);

#endif
