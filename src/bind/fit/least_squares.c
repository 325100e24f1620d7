/*
** least_squares.c - fitting, as Lua asks for it: oracle.core.least_squares. The method is Levenberg and
** Marquardt's, as cminpack has it (lmdif: More, The Levenberg-Marquardt algorithm, Numerical Analysis,
** LNM 630, 1978).
**
**   least_squares(f, x, count [, options]) -> x, { norm =, calls =, why = }
**     f(x) -> residuals   a list of `count` numbers for a list of parameters; both lists are reused
**     x                   where it begins; count >= #x
**     options             tolerance = relative, of sum and parameters (1e-8), most = calls of f (1000),
**                         step = relative, of the differences that stand for derivatives (1e-6);
**                         jacobian = function(x) -> a list of #x columns, { [residual] = derivative },
**                         where what is not there is 0: then lmder, the same method, has them from it
*/
#include <cminpack-1/cminpack.h>
#include <lauxlib.h>
#include <math.h>
#include <string.h>

#include "bind/args.h"
#include "bind/core.h"
#include "bind/put.h"

/* The function is at stack index 1, the list it takes at `list`. */
typedef struct problem {
  lua_State *L;
  int list;
  int jacobian; /* the function of the derivatives; 0: none */
  bool failed;  /* its error is on top of the stack */
} problem;

static void put_list(lua_State *L, int index, const double *x, int n)
{
  for (int i = 0; i < n; i++) {
    lua_pushnumber(L, x[i]);
    lua_rawseti(L, index, i + 1);
  }
}

/* Into `to` the numbers of the list on top of the stack. */
static bool take_list(lua_State *L, double *to, int n)
{
  if (!lua_istable(L, -1)) {
    lua_pushliteral(L, "least_squares: the function must return a list of numbers");
    return false;
  }
  for (int i = 0; i < n; i++) {
    const bool number = lua_rawgeti(L, -1, i + 1) == LUA_TNUMBER;
    to[i] = lua_tonumber(L, -1);
    lua_pop(L, 1);
    if (number && isfinite(to[i])) continue;
    lua_pushfstring(L, "least_squares: residual %d is no number", i + 1);
    return false;
  }
  return true;
}

/* Calls a function at a stack index with parameters; its result is on top of the stack. */
static bool call(problem *p, int function, const double *x, int n)
{
  lua_State *L = p->L;
  put_list(L, p->list, x, n);
  lua_pushvalue(L, function);
  lua_pushvalue(L, p->list);
  return lua_pcall(L, 1, 1, 0) == LUA_OK;
}

static int residuals(void *self, int m, int n, const double *x, double *out, int flag)
{
  problem *p = self;
  (void)flag;
  p->failed = !call(p, 1, x, n) || !take_list(p->L, out, m);
  if (p->failed) return -1;
  lua_pop(p->L, 1);
  return 0;
}

/* Into `to` the column on top of the stack. */
static bool take_column(lua_State *L, double *to, int m)
{
  if (!lua_istable(L, -1)) {
    lua_pushliteral(L, "least_squares: jacobian must return a list of columns");
    return false;
  }
  for (int i = 0; i < m; i++) {
    lua_rawgeti(L, -1, i + 1);
    to[i] = lua_tonumber(L, -1);
    lua_pop(L, 1);
    if (isfinite(to[i])) continue;
    lua_pushfstring(L, "least_squares: a derivative of residual %d is no number", i + 1);
    return false;
  }
  return true;
}

static bool take_columns(lua_State *L, double *to, int m, int n, int stride)
{
  for (int k = 0; k < n; k++) {
    if (lua_istable(L, -1)) lua_rawgeti(L, -1, k + 1);
    if (!take_column(L, to + (size_t)k * (size_t)stride, m)) return false;
    lua_pop(L, 1);
  }
  return true;
}

/* What lmder calls, with the parameters it says: residuals, or where flag is 2 the derivatives. */
/* NOLINTNEXTLINE(readability-function-size) */
static int with_derivatives(void *self, int m, int n, const double *x, double *out,
                            double *jacobian, int stride, int flag)
{
  problem *p = self;
  if (flag != 2) return residuals(self, m, n, x, out, flag);
  p->failed = !call(p, p->jacobian, x, n) || !take_columns(p->L, jacobian, m, n, stride);
  if (p->failed) return -1;
  lua_pop(p->L, 1);
  return 0;
}

/* What lmdif says of how it ended, 0 to 8. */
static const char *why_of(int info)
{
  static const char *const why[] = {
    "improper input",      "the sum no longer falls",  "the parameters no longer move",
    "neither moves",       "residuals are orthogonal", "out of calls",
    "tolerance too small", "tolerance too small",      "tolerance too small",
  };
  return info >= 0 && info <= 8 ? why[info] : "stopped";
}

/* [f, x, count, options] */
typedef struct options {
  double tolerance, step;
  int most;
  bool derivatives;
} options;

static options read_options(lua_State *L)
{
  options o = { .tolerance = 1e-8, .step = 1e-6, .most = 1000 };
  if (lua_isnoneornil(L, 4)) return o;
  luaL_checktype(L, 4, LUA_TTABLE);
  o.tolerance = orc_bind_number_or(L, 4, "least_squares", "tolerance", o.tolerance);
  o.step = orc_bind_number_or(L, 4, "least_squares", "step", o.step);
  o.most = (int)orc_bind_integer_or(L, 4, "least_squares", "most", o.most);
  o.derivatives = lua_getfield(L, 4, "jacobian") == LUA_TFUNCTION;
  lua_pop(L, 1);
  return o;
}

/* A problem's size, and the room that its solution takes. */
typedef struct solver {
  int m, n;
  double *x, *out, *jacobian, *work;
  int *order;
} solver;

static int solve(problem *p, const solver *s, const options *o, int *calls)
{
  double *diag = s->work, *qtf = diag + s->n, *w[4];
  for (int i = 0; i < 4; i++)
    w[i] = qtf + (ptrdiff_t)(i + 1) * s->n;
  int columns = 0;
  if (o->derivatives)
    return lmder(with_derivatives, p, s->m, s->n, s->x, s->out, s->jacobian, s->m, o->tolerance,
                 o->tolerance, 0.0, o->most, diag, 1, 100.0, 0, calls, &columns, s->order, qtf,
                 w[0], w[1], w[2], w[3]);
  return lmdif(residuals, p, s->m, s->n, s->x, s->out, o->tolerance, o->tolerance, 0.0, o->most,
               o->step * o->step, diag, 1, 100.0, 0, calls, s->jacobian, s->m, s->order, qtf, w[0],
               w[1], w[2], w[3]);
}

/* Room for a number of doubles, as long as the call lasts. */
static double *room(lua_State *L, size_t count)
{
  return lua_newuserdatauv(L, count * sizeof(double), 0);
}

static int least_squares(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TFUNCTION);
  luaL_checktype(L, 2, LUA_TTABLE);
  const lua_Integer n = luaL_len(L, 2), m = luaL_checkinteger(L, 3);
  luaL_argcheck(L, n >= 1 && n <= 1000, 2, "1 to 1000 parameters expected");
  luaL_argcheck(L, m >= n && m <= 10000000, 3, "at least as many residuals as parameters expected");
  const options o = read_options(L);
  lua_settop(L, 4);
  const size_t rows = (size_t)m, cols = (size_t)n;
  double *x = room(L, cols), *out = room(L, rows), *jacobian = room(L, rows * cols);
  double *work = room(L, 5 * cols + rows);
  int *order = lua_newuserdatauv(L, cols * sizeof *order, 0);
  lua_pushvalue(L, 2);
  if (!take_list(L, x, (int)n)) return lua_error(L);
  lua_pop(L, 1);
  lua_createtable(L, (int)n, 0);
  problem p = { .L = L, .list = lua_gettop(L) };
  if (o.derivatives) {
    lua_getfield(L, 4, "jacobian");
    p.jacobian = lua_gettop(L);
  }
  const solver s = {
    .m = (int)m, .n = (int)n, .x = x, .out = out, .jacobian = jacobian, .work = work, .order = order
  };
  int calls = 0;
  const int info = solve(&p, &s, &o, &calls);
  if (p.failed) return lua_error(L);
  put_list(L, p.list, x, (int)n);
  lua_pushvalue(L, p.list);
  lua_createtable(L, 0, 3);
  double sum = 0.0;
  for (size_t i = 0; i < rows; i++)
    sum += out[i] * out[i];
  orc_bind_put_number(L, "norm", sqrt(sum));
  orc_bind_put_integer(L, "calls", calls);
  orc_bind_put_text(L, "why", why_of(info));
  return 2;
}

int orc_bind_least_squares(lua_State *L)
{
  lua_pushcfunction(L, least_squares);
  return 1;
}
