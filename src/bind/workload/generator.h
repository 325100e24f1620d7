/*
** generator.h - workloads written in Lua: a source whose requests a script makes, one by one or in blocks.
**
** The table of a source with arrivals = "scripted" has
**   generator   { next = function(g) -> a request (rows.h), or nil at the end; it may also yield requests,
**                 fill = function(g, block) -> how many rows of the block it has filled, in place of next,
**                 answered = function(g, request) -> the request that follows, or nil; may be absent,
**                 params = { ... }, classes = { "name", ... }, shares = prompts may begin alike }
** or, with arrivals = "listed",
**   rows        a list of requests in order of arrival;
** or, with arrivals = "sent",
**   generator   { answered = function(g, request), classes = } of requests that orc_script_send sends.
** Each simulation has its own g, and draws of its own: those of next and fill are keyed by the seed and the
** source, those of answered by the request that was answered, so that no policy moves any.
*/
#ifndef ORC_BIND_WORKLOAD_GENERATOR_H
#define ORC_BIND_WORKLOAD_GENERATOR_H

#include "bind/policy/policies.h"
#include "workload/generator.h"

/* What a scripted source is told besides its own table. */
typedef struct orc_script_options {
  orc_lua_policies
      *policies;    /* of the simulation: who is called, and watched; may be filled in later */
  const char *name; /* of the workload, for messages; outlives the source */
  uint64_t seed;
  uint16_t source;          /* which one: its draws are keyed by it */
  uint16_t first_class;     /* profile of the first of its classes */
  bool open;                /* arrivals = "sent" */
  orc_generator_options of; /* `told`, `room` and `open` are filled in */
} orc_script_options;

/* Put before *e what it is about: `at t=1.5 s, request 17 of workload "chat": `. */
void orc_script_explain(const orc_lua_policies *p, const char *name, int64_t number, orc_error *e);

/* How many classes the source in the table at `index` has. */
int orc_script_classes(lua_State *L, int index);

/* The source in the table at `index`; raises what is wrong with it. */
orc_source orc_script_source(lua_State *L, int index, const orc_script_options *o);

/*
** One more request of an open source: the table on top of the stack (rows.h), whose times count from `now`. False:
** its time is after the source's duration. Raises what is wrong with it.
*/
bool orc_script_send(lua_State *L, const orc_source *s, orc_time now, orc_arrival *out);

#endif
