/*
** attribution.h - which requests stand at percentiles, and what the time of requests went into.
*/
#ifndef ORC_BIND_SIM_ATTRIBUTION_H
#define ORC_BIND_SIM_ATTRIBUTION_H

#include <lua.h>

#include "bind/sim/state.h"

/*
** spec.latencies = { 50, 99, ... }: percentiles whose requests are looked for. spec.attribution = {
** number, ... }, ascending: what the time of requests went into is told, of these one by one.
*/
void orc_bind_spec_attribution(lua_State *L, orc_sim *s, int index, orc_cluster_config *config);
void orc_bind_attribution_done(orc_sim *s);

/*
** Under "latencies" of the table on top, where they were asked for: { ttft = { { p =, number =, ns =
** }, ... }, e2e = { ... } }, empty where no request has one. Under "attribution": { wrong = requests
** that do not add up, terms, resources = their names in order, ttft = mean, e2e = mean, requests = { { number =, arrival =, status =, prompt =,
** output =, cached =, preemptions =, replica =, ttft = , e2e = }, ... } in order of their ends }, where
** a mean is { count =, at = { name = ns }, by = { name = ns } } and those of one request are { ns =,
** at =, by = }; what is 0 is left out, and so is an e2e that a request does not have.
*/
void orc_bind_put_attribution(lua_State *L, const orc_sim *s);

#endif
