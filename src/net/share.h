/*
** share.h - max-min fair rates of flows that share links. Pure: knows no network, no time, no
** bytes.
**
** An allocation is max-min fair when no flow's rate can rise without lowering that of a flow that
** has no more: equivalently, every flow crosses a link that is full and on which no flow is faster.
** Found by progressive filling: all rates rise together; those on a link that fills stop there.
** Source: Bertsekas and Gallager, Data Networks, 2nd ed. 1992, section 6.5.2.
**
** Incremental: a change touches only the flows that are joined to it by shared links, directly or
** over others, and of these only those that are no slower than the flow that comes or goes. Memory
** grows by doubling, so a steady stream of flows allocates nothing.
*/
#ifndef ORC_NET_SHARE_H
#define ORC_NET_SHARE_H

#include "base/base.h"

typedef struct orc_share orc_share;

/*
** A solver without flows.
**   capacity   of each link, > 0 (any unit; rates come in the same); copied
**   links      how many, >= 0
*/
orc_share *orc_share_new(const double *capacity, int links);
void orc_share_free(orc_share *s); /* NULL is allowed */

/*
** Bring flow `flow` in, at rate 0 until the next solve.
**   flow    a small number the caller chose, not in use now (memory is proportional to the largest)
**   links   the links it crosses, each once, count >= 1; must stay in place while the flow is in
*/
void orc_share_add(orc_share *s, uint32_t flow, const int32_t *links, int count);

/* Take a flow out; the others' rates follow at the next solve. */
void orc_share_remove(orc_share *s, uint32_t flow);

/*
** Bring all rates up to date.
** Returns how many flows got another rate than before; *changed (not NULL) then points at their
** numbers, valid until the next call. Time: O(h log n) in flows x links touched, h being all
** crossings of the links touched.
*/
int orc_share_solve(orc_share *s, const uint32_t **changed);

/* The rate found by the last solve, > 0; 0 for a flow brought in since. */
double orc_share_rate(const orc_share *s, uint32_t flow);

#endif
