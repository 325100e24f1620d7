/*
** mpi.c - texts between the processes of an MPI job: the Lua module "oracle.mpi", a library of its
** own that is loaded only inside such a job. The one file that knows MPI.
**   init()            -> rank, ranks. Once.
**   send(to, text)    may return before the other has it
**   poll(seconds)     -> from, text; nil: nothing came within that time
**                     (MPI has no way to wait with a limit: it looks five times a ms)
**   finalize()        waits for the other ranks to do the same
**   abort(status)     ends all processes of the job
** A lost rank ends the job: that is what MPI does by default.
*/
#include <lauxlib.h>
#include <lua.h>
#include <mpi.h>
#include <time.h>

enum { TAG = 1, LOOK_US = 200 };

int luaopen_oracle_mpi(lua_State *L);

static int init(lua_State *L)
{
  int provided = 0, rank = 0, ranks = 1;
  MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  lua_pushinteger(L, rank);
  lua_pushinteger(L, ranks);
  return 2;
}

static int send(lua_State *L)
{
  size_t n = 0;
  const int to = (int)luaL_checkinteger(L, 1);
  const char *text = luaL_checklstring(L, 2, &n);
  luaL_argcheck(L, n < (size_t)1 << 30, 2, "less than a GiB expected");
  MPI_Send(text, (int)n, MPI_CHAR, to, TAG, MPI_COMM_WORLD);
  return 0;
}

static double wall(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int receive(lua_State *L, MPI_Message *message, const MPI_Status *status)
{
  int n = 0;
  luaL_Buffer b;
  MPI_Get_count(status, MPI_CHAR, &n);
  lua_pushinteger(L, status->MPI_SOURCE);
  char *to = luaL_buffinitsize(L, &b, (size_t)n + 1);
  MPI_Mrecv(to, n, MPI_CHAR, message, MPI_STATUS_IGNORE);
  luaL_pushresultsize(&b, (size_t)n);
  return 2;
}

static int poll(lua_State *L)
{
  const double seconds = luaL_checknumber(L, 1), end = seconds > 0.0 ? wall() + seconds : 0.0;
  const struct timespec moment = { .tv_nsec = LOOK_US * 1000L };
  for (;;) {
    int there = 0;
    MPI_Message message;
    MPI_Status status;
    MPI_Improbe(MPI_ANY_SOURCE, TAG, MPI_COMM_WORLD, &there, &message, &status);
    if (there) return receive(L, &message, &status);
    if (seconds <= 0.0 || wall() >= end) return 0;
    nanosleep(&moment, NULL);
  }
}

static int finalize(lua_State *L)
{
  (void)L;
  MPI_Finalize();
  return 0;
}

static int abort_job(lua_State *L)
{
  MPI_Abort(MPI_COMM_WORLD, (int)luaL_optinteger(L, 1, 1));
  return 0;
}

int luaopen_oracle_mpi(lua_State *L)
{
  static const luaL_Reg functions[] = { { "init", init },       { "send", send },
                                        { "poll", poll },       { "finalize", finalize },
                                        { "abort", abort_job }, { NULL, NULL } };
  luaL_newlib(L, functions);
  return 1;
}
