/*
** ranking.h - c:best: of replicas the one whose columns, weighted, add up to most, found without a
** loop in Lua.
*/
#ifndef ORC_BIND_POLICY_RANKING_H
#define ORC_BIND_POLICY_RANKING_H

#include <lua.h>

#include "bind/policy/cluster_scope.h"

/* Room for a value or two of each replica, kept from call to call in the upvalue at `upvalue`. */
typedef struct orc_ranking_room {
  double *score;  /* [count] */
  int64_t *value; /* [count] */
  int *row;       /* [count] */
} orc_ranking_room;

orc_ranking_room orc_ranking_reserve(lua_State *L, int upvalue, int count);

/*
** The verb best(ranking), the ranking at stack index 2: a table of weights by column, in which also may be
** ties (weights that decide among the best), within (what scores may lack of the best and count as
** equal), temperature (above 0: a draw instead, by a softmax of the scores over their span) and
** decoders (true: among those that only decode). Pushes the place, the first of equals; nil where no
** replica is there. Returns 1. Raises where the table is none such.
*/
int orc_ranking_best(lua_State *L, int upvalue, const orc_cluster_scope *s);

#endif
