/*
** chance.h - draws of a script's own: `g` of a generator and `rng` of a function that gives lengths.
** They come from the stream of the call at hand (bind/policy/call_context.h).
*/
#ifndef ORC_BIND_WORKLOAD_CHANCE_H
#define ORC_BIND_WORKLOAD_CHANCE_H

#include <lua.h>

/*
** Push a new table with the methods
**   x:random([m [, n]])         in [0, 1), or whole, as math.random
**   x:uniform(low, high)        in [low, high)
**   x:exponential(mean)         mean > 0
**   x:normal(mean, deviation)   deviation >= 0
**   x:lognormal(median, sigma)  median > 0; sigma >= 0, that of the logarithm
**   x:gamma(mean, cv)           mean > 0; cv > 0, the standard deviation over the mean
**   x:choose(list [, weights])  one of the list, as likely as the others or as its weight says
** which raise outside a call. Those from uniform to gamma take, behind their parameters, a list and how many draws
** go into its entries from 1 on; they return nothing then.
*/
void orc_bind_chance(lua_State *L);

#endif
