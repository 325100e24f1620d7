/*
** rows.h - requests as scripts write them, { gap = 0.1, prompt = 100, output = 20 }, one by one or in
** columns, read into the block of a generator (workload/generator.h).
**
** A request has these fields, of which prompt, output and one of arrival and gap are needed:
**   arrival        s since the run began; or
**   gap            s since the arrival before [follow: since the answer; 0]
**   prompt, output tokens; max_output: tokens asked for
**   priority, client, streamed
**   ends           "stop": by a token that is not foreseen, below max_output ["length"]
**   session        its number, from 1; true: one of its own
**   timeout, cancel   s from arrival until the client hangs up, or cancels
**   prefix         what the prompt begins with: a name, with prefix_tokens; or a list of
**                  { name, tokens }, one after the other
**   text           a name for the rest of the prompt: prompts of the same name are the same
**   class          one of the generator's classes: the profile it is counted under
**   continues      follow only: prompt is what is added to all that was said
**   repeats        follow only: the same prompt again
**   data           anything; `answered` gets it back
*/
#ifndef ORC_BIND_WORKLOAD_ROWS_H
#define ORC_BIND_WORKLOAD_ROWS_H

#include <lua.h>

#include "workload/generator.h"

/* What a row is read with. */
typedef struct orc_rows {
  uint16_t source; /* which one: sessions of two are never the same */
  int fields;      /* reference: name of a field -> its number */
  int classes;     /* reference: name of a class -> profile; LUA_NOREF: there are none */
  double clock;    /* s: the arrival before */
  int64_t drawn;   /* requests before this one: numbers the sessions that a script does not */
  bool follows;    /* the request follows an answer: times count from it, at `clock` */
  bool has_data;   /* what was read last has data */
} orc_rows;

/* Begin with the first request. The references are r's own. */
void orc_rows_init(lua_State *L, orc_rows *r, uint16_t source);
void orc_rows_done(lua_State *L, const orc_rows *r);

/* Append the request in the table on top of the stack to b; the stack stays. Raises what is wrong with it. */
void orc_rows_read(lua_State *L, orc_rows *r, orc_request_block *b);

/* Push a block for scripts: { rows = room, prompt = {}, output = {}, ... }. */
void orc_rows_push_columns(lua_State *L, int room);

/*
** Append the first `count` rows of such a block, at `index`, to b; columns that had values are new, empty tables then.
** False where one is wrong: those before it are there, and why is pushed. Raises what is wrong with all of them.
*/
bool orc_rows_read_columns(lua_State *L, int index, orc_rows *r, int count, orc_request_block *b);

/* The identity of a text that is known by a name. FNV-1a (Fowler, Noll and Vo; draft-eastlake-fnv), 64 bit. */
uint64_t orc_rows_text(const char *name);

#endif
