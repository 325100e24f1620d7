#include "cost/pieces.h"

#include <math.h>
#include <stdlib.h>

enum { GROWTH = 8, HALVINGS = 7, NARROW = 16 };

static const double TOLERANCE = 1e-5, STRAIGHT = 1e-11;

void orc_pieces_add(orc_pieces *p, orc_piece piece)
{
  ORC_ASSERT(p->count == 0 || piece.from > p->at[p->count - 1].from);
  if (p->count == p->room) {
    p->room = p->room > 0 ? 2 * p->room : 4;
    p->at = orc_resize(p->at, (size_t)p->room, sizeof *p->at);
  }
  p->at[p->count++] = piece;
}

void orc_pieces_done(orc_pieces *p)
{
  free(p->at);
  *p = (orc_pieces){ 0 };
}

const orc_piece *orc_pieces_find(const orc_pieces *p, int64_t context, int64_t *from,
                                 int64_t *until)
{
  ORC_ASSERT(p->count > 0);
  int low = 0, high = p->count; /* at[low] holds, at[high] does not */
  while (high - low > 1) {
    const int middle = low + (high - low) / 2;
    if (p->at[middle].from <= context)
      low = middle;
    else
      high = middle;
  }
  *from = low > 0 ? p->at[low].from : 0;
  *until = high < p->count ? p->at[high].from : INT64_MAX;
  return &p->at[low];
}

typedef struct point {
  int64_t context;
  double seconds;
} point;

typedef struct sampling {
  orc_seconds_at f;
  void *self;
  orc_pieces pieces;
} sampling;

static point point_at(const sampling *s, int64_t context)
{
  return (point){ context, s->f(s->self, context) };
}

/* The line between two points, which goes on where the last piece came to. */
static void add_line(sampling *s, point a, point b)
{
  const double slope = (b.seconds - a.seconds) / (double)(b.context - a.context);
  orc_pieces *p = &s->pieces;
  if (p->count > 0) {
    const orc_piece *last = &p->at[p->count - 1];
    const double there = last->base + last->slope * (double)b.context;
    if (fabs(there - b.seconds) <= STRAIGHT * fabs(b.seconds)) return;
  }
  orc_pieces_add(p, (orc_piece){ .from = a.context,
                                 .base = a.seconds - slope * (double)a.context,
                                 .slope = slope });
}

static void refine(sampling *s, point a, point b, int halvings)
{
  if (b.context - a.context > NARROW && halvings > 0) {
    const point middle = point_at(s, a.context + (b.context - a.context) / 2);
    const double part = (double)(middle.context - a.context) / (double)(b.context - a.context);
    const double line = a.seconds + part * (b.seconds - a.seconds);
    if (fabs(line - middle.seconds) > TOLERANCE * fabs(middle.seconds)) {
      refine(s, a, middle, halvings - 1);
      refine(s, middle, b, halvings - 1);
      return;
    }
  }
  add_line(s, a, b);
}

orc_pieces orc_pieces_of(orc_seconds_at f, void *self, int64_t least, int64_t most)
{
  ORC_ASSERT(least >= 1 && most >= least);
  sampling s = { .f = f, .self = self };
  point a = point_at(&s, least);
  while (a.context < most) {
    const point b = point_at(&s, a.context > most / GROWTH ? most : a.context * GROWTH);
    refine(&s, a, b, HALVINGS);
    a = b;
  }
  orc_pieces *p = &s.pieces;
  if (p->count == 0 || p->at[p->count - 1].slope < 0.0)
    orc_pieces_add(p, (orc_piece){ .from = most, .base = a.seconds });
  return s.pieces;
}
