/*
** pieces.h - seconds as a function of context, piece by piece linear: what a cost model that is
** written elsewhere is brought to, once for each number of sequences, so that steps never ask it.
*/
#ifndef ORC_COST_PIECES_H
#define ORC_COST_PIECES_H

#include "base/base.h"

/* base + slope x context from `from` tokens of context on. */
typedef struct orc_piece {
  int64_t from;
  double base, slope; /* s, s per token */
} orc_piece;

typedef struct orc_pieces {
  orc_piece *at; /* by `from`; the first holds below it too, the last without end */
  int count, room;
} orc_pieces;

/* Add a piece behind those there are; piece.from must be greater than the last one's. */
void orc_pieces_add(orc_pieces *p, orc_piece piece);

void orc_pieces_done(orc_pieces *p);

/*
** The piece that holds at `context` tokens; there is one at least.
**   until   the context from which the next one holds; INT64_MAX: none does
*/
const orc_piece *orc_pieces_find(const orc_pieces *p, int64_t context, int64_t *from,
                                 int64_t *until);

/* Seconds at a context; `self` is the caller's. */
typedef double (*orc_seconds_at)(void *self, int64_t context);

/*
** Approximate a function from `least` to `most` tokens of context (1 <= least <= most): intervals
** that grow by the factor 8 are halved until the middle of each lies on the line within one part in
** a hundred thousand, seven times at most. A function that is linear becomes one piece. Beyond
** `most` the last line goes on, but never falls.
*/
orc_pieces orc_pieces_of(orc_seconds_at f, void *self, int64_t least, int64_t most);

#endif
