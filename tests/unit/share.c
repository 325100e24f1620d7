#include "net/share.h"

#include "test.h"

#define ROUTE(...) (const int32_t[]){ __VA_ARGS__ }, (int)(sizeof((int32_t[]){ __VA_ARGS__ }) / 4)

static void solve(orc_share *s)
{
  const uint32_t *changed;
  orc_share_solve(s, &changed);
}

/* One flow over links of 10 and 4: the narrow one decides. Two flows then get half of it. */
static void narrowest_link(void)
{
  orc_share *s = orc_share_new((const double[]){ 10.0, 4.0 }, 2);
  orc_share_add(s, 0, ROUTE(0, 1));
  CHECK(orc_share_rate(s, 0) == 0.0);
  solve(s);
  CHECK(orc_share_rate(s, 0) == 4.0);
  orc_share_add(s, 1, ROUTE(0, 1));
  solve(s);
  CHECK(orc_share_rate(s, 0) == 2.0);
  CHECK(orc_share_rate(s, 1) == 2.0);
  orc_share_free(s);
}

/*
** Links A = 10, B = 4. f0 crosses A and B, f1 A alone, f2 and f3 B alone.
** All rise to 4/3, where B is full (three flows); f1 takes the rest of A: 10 - 4/3 = 26/3.
*/
static void two_levels(void)
{
  orc_share *s = orc_share_new((const double[]){ 10.0, 4.0 }, 2);
  orc_share_add(s, 0, ROUTE(0, 1));
  orc_share_add(s, 1, ROUTE(0));
  orc_share_add(s, 2, ROUTE(1));
  orc_share_add(s, 3, ROUTE(1));
  solve(s);
  NEAR(orc_share_rate(s, 0), 4.0 / 3.0, 1e-15);
  NEAR(orc_share_rate(s, 1), 26.0 / 3.0, 1e-15);
  NEAR(orc_share_rate(s, 2), 4.0 / 3.0, 1e-15);
  /* f2 and f3 leave: f0 could have 4, and A = 10 has room for 4 + 6. */
  orc_share_remove(s, 2);
  orc_share_remove(s, 3);
  solve(s);
  CHECK(orc_share_rate(s, 0) == 4.0);
  CHECK(orc_share_rate(s, 1) == 6.0);
  orc_share_free(s);
}

/*
** The line of three links (1, 2, 1) with one flow over all and one on each link: the textbook's
** example. The long flow gets 1/2 at the first and last link; the middle one's other flow 3/2.
*/
static void parking_lot(void)
{
  orc_share *s = orc_share_new((const double[]){ 1.0, 2.0, 1.0 }, 3);
  orc_share_add(s, 7, ROUTE(0, 1, 2));
  orc_share_add(s, 1, ROUTE(0));
  orc_share_add(s, 2, ROUTE(1));
  orc_share_add(s, 3, ROUTE(2));
  solve(s);
  CHECK(orc_share_rate(s, 7) == 0.5);
  CHECK(orc_share_rate(s, 1) == 0.5);
  CHECK(orc_share_rate(s, 2) == 1.5);
  CHECK(orc_share_rate(s, 3) == 0.5);
  orc_share_free(s);
}

/* A change on one island leaves the other alone, and says only what changed. */
static void only_what_is_joined(void)
{
  const uint32_t *changed;
  orc_share *s = orc_share_new((const double[]){ 6.0, 8.0 }, 2);
  orc_share_add(s, 0, ROUTE(0));
  orc_share_add(s, 1, ROUTE(1));
  CHECK(orc_share_solve(s, &changed) == 2);
  CHECK(orc_share_solve(s, &changed) == 0);
  orc_share_add(s, 2, ROUTE(1));
  CHECK(orc_share_solve(s, &changed) == 2);
  CHECK(changed[0] + changed[1] == 3);
  CHECK(orc_share_rate(s, 0) == 6.0);
  orc_share_remove(s, 0); /* nobody is left on link 0 */
  CHECK(orc_share_solve(s, &changed) == 0);
  /* one goes and another comes at the same instant: the third keeps its rate and is not named */
  orc_share_remove(s, 2);
  orc_share_add(s, 2, ROUTE(1));
  CHECK(orc_share_solve(s, &changed) == 1);
  CHECK(changed[0] == 2);
  orc_share_free(s);
}

/*
** A ladder: flow i crosses links i and i + 1, link i holds 2i + 1. Link 0 gives f0 all of its 1;
** then link 1 has 3 - 1 = 2 left for f1, link 2 has 5 - 2 = 3 for f2: f_i gets i + 1, one after
** the other.
*/
static void ladder(void)
{
  enum { N = 200 };
  double capacity[N + 1];
  int32_t routes[N][2];
  for (int i = 0; i <= N; i++)
    capacity[i] = 2.0 * i + 1.0;
  orc_share *s = orc_share_new(capacity, N + 1);
  for (int i = 0; i < N; i++) {
    routes[i][0] = i;
    routes[i][1] = i + 1;
    orc_share_add(s, (uint32_t)i, routes[i], 2);
  }
  solve(s);
  bool right = true;
  for (int i = 0; i < N; i++)
    right &= orc_share_rate(s, (uint32_t)i) == i + 1.0;
  CHECK(right);
  /* without f0: link 1 has 3 for f1 alone, but link 2 has 5 for f1 and f2, 2.5 each */
  orc_share_remove(s, 0);
  solve(s);
  CHECK(orc_share_rate(s, 1) == 2.5 && orc_share_rate(s, 2) == 2.5);
  orc_share_free(s);
}

int main(void)
{
  RUN(ladder);
  RUN(narrowest_link);
  RUN(two_levels);
  RUN(parking_lot);
  RUN(only_what_is_joined);
  return DONE();
}
