#include "cost/pieces.h"

#include <stdlib.h>

#include "test.h"

static double at(const orc_pieces *p, int64_t context)
{
  int64_t from, until;
  const orc_piece *piece = orc_pieces_find(p, context, &from, &until);
  CHECK(from <= context && context < until);
  return piece->base + piece->slope * (double)context;
}

static double straight(void *self, int64_t context)
{
  ++*(int *)self;
  return 1e-3 + 1e-8 * (double)context;
}

/* What is linear is one piece, found by a few questions. */
static void line(void)
{
  int asked = 0;
  orc_pieces p = orc_pieces_of(straight, &asked, 4, 4 * 131072);
  CHECK(p.count == 1);
  CHECK(asked < 20);
  CHECK(fabs(at(&p, 100000) - 2e-3) < 1e-12);
  CHECK(fabs(at(&p, 1000000000) - (1e-3 + 10.0)) < 1e-7);
  orc_pieces_done(&p);
}

static double bent(void *self, int64_t context)
{
  const double x = (double)context;
  (void)self;
  return 5e-3 + 1e-8 * x + (x > 3000.0 ? 1e-7 * (x - 3000.0) : 0.0);
}

/* A bend is found to within what a step may be off. */
static void bend(void)
{
  orc_pieces p = orc_pieces_of(bent, NULL, 1, 131072);
  for (int64_t x = 1; x < 131072; x += 37)
    CHECK(fabs(at(&p, x) - bent(NULL, x)) < 1e-4 * bent(NULL, x));
  orc_pieces_done(&p);
}

static double curved(void *self, int64_t context)
{
  (void)self;
  return 1e-4 * sqrt((double)context);
}

static void curve(void)
{
  orc_pieces p = orc_pieces_of(curved, NULL, 1, 1 << 20);
  for (int64_t x = 64; x < 1 << 20; x += 997)
    CHECK(fabs(at(&p, x) - curved(NULL, x)) < 1e-4 * curved(NULL, x));
  CHECK(p.count < 1000);
  orc_pieces_done(&p);
}

static double falling(void *self, int64_t context)
{
  (void)self;
  return context < 1000 ? 1e-3 : 1e-3 - 1e-9 * (double)context;
}

/* Beyond the last context that was asked for a cost never falls, so it never is below 0. */
static void end(void)
{
  orc_pieces p = orc_pieces_of(falling, NULL, 1, 100000);
  CHECK(at(&p, 1 << 30) == falling(NULL, 100000));
  orc_pieces_done(&p);
  p = orc_pieces_of(straight, &(int){ 0 }, 7, 7);
  CHECK(p.count == 1 && at(&p, 1) == at(&p, 7));
  orc_pieces_done(&p);
}

static void by_hand(void)
{
  orc_pieces p = { 0 };
  orc_pieces_add(&p, (orc_piece){ 10, 1.0, 0.0 });
  orc_pieces_add(&p, (orc_piece){ 20, 0.0, 0.1 });
  orc_pieces_add(&p, (orc_piece){ 30, 9.0, 0.0 });
  CHECK(at(&p, 0) == 1.0 && at(&p, 19) == 1.0);
  CHECK(at(&p, 20) == 2.0 && fabs(at(&p, 29) - 2.9) < 1e-12);
  CHECK(at(&p, 30) == 9.0 && at(&p, INT64_MAX - 1) == 9.0);
  orc_pieces_done(&p);
}

int main(void)
{
  RUN(line);
  RUN(bend);
  RUN(curve);
  RUN(end);
  RUN(by_hand);
  return DONE();
}
