/*
** cluster_rows.h - replicas as policies number them, a row each, and what is known of them: the
** columns of c:replicas and c:best.
*/
#ifndef ORC_BIND_POLICY_CLUSTER_ROWS_H
#define ORC_BIND_POLICY_CLUSTER_ROWS_H

#include "bind/policy/cluster_scope.h"
#include "bind/policy/columns.h"

typedef enum orc_cluster_column {
  ORC_CLUSTER_IN_FLIGHT,
  ORC_CLUSTER_WAITING,
  ORC_CLUSTER_BACKLOG,
  ORC_CLUSTER_FREE,
  ORC_CLUSTER_BLOCKS,
  ORC_CLUSTER_CACHED,
  ORC_CLUSTER_PREFIX_MATCH,
  ORC_CLUSTER_LOAD_TOKENS, /* from here on only for a router with tracks = true */
  ORC_CLUSTER_LOAD_BLOCKS,
  ORC_CLUSTER_FRESH_BLOCKS,
  ORC_CLUSTER_COLUMNS
} orc_cluster_column;

extern const orc_columns_kind orc_cluster_columns;

/* Replicas in a row that count as one. */
typedef struct orc_cluster_part {
  orc_replica *at;
  int count;
} orc_cluster_part;

/* Rows of those that are ready, from 0; behind them, of a router, those that only decode. */
int orc_cluster_ready(const orc_cluster_scope *s);
int orc_cluster_decoders(const orc_cluster_scope *s);

/* What row `i` is of; in range. */
orc_cluster_part orc_cluster_row(const orc_cluster_scope *s, int i);

/* Raise where this column is not for the policy that is asked. */
void orc_cluster_may_ask(lua_State *L, const orc_cluster_scope *s, orc_cluster_column column);

/* A column of one row. Replicas are brought to the moment if that makes a difference to it. */
int64_t orc_cluster_value(const orc_cluster_scope *s, orc_cluster_part p,
                          orc_cluster_column column);

/* A column of so many rows. */
void orc_cluster_fill(const orc_cluster_scope *s, orc_cluster_column column, const int *rows,
                      int count, int64_t *out);

#endif
