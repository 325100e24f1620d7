/*
** steady.c - a steady run allocates nothing, neither memory of C nor objects of Lua, with policies
** in C and with those in Lua that come along. Linked with --wrap, so that every request for memory
** made by the engine or by Lua is counted.
*/
#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>
#include <stdlib.h>

#include "bind/host/state.h"

#include "test.h"

static lua_Integer asked; /* times memory was asked for */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__real_orc_alloc_sparse(size_t count, size_t size);
void *__wrap_orc_alloc_sparse(size_t count, size_t size);
void *__real_orc_heap_allocate(void *heap, void *block, size_t before, size_t after);
void *__wrap_orc_heap_allocate(void *heap, void *block, size_t before, size_t after);

void *__wrap_malloc(size_t size)
{
  asked++;
  return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
  asked++;
  return __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
  asked += size > 0;
  return __real_realloc(old, size);
}

void *__wrap_orc_alloc_sparse(size_t count, size_t size)
{
  asked++;
  return __real_orc_alloc_sparse(count, size);
}

/* Lua's small blocks are cut from larger ones, and it frees this way too: that asks for nothing. */
void *__wrap_orc_heap_allocate(void *heap, void *block, size_t before, size_t after)
{
  asked += after > 0;
  return __real_orc_heap_allocate(heap, block, before, after);
}

static int count(lua_State *L)
{
  lua_pushinteger(L, asked);
  return 1;
}

/* case(name, batching or false for the engine's own in C, router, replicas) -> times memory was
   asked for, bytes of Lua, steps and calls of policies, all in simulated seconds 800 to 1000:
   by then every histogram has become a sketch */
static const char script[] =
    "local count = ...\n"
    "local oracle, experiment = require 'oracle', require 'oracle.plan'\n"
    "local sim = require('oracle.core').sim\n"
    "return function(batching, router, replicas, every)\n"
    "  local spec = experiment.spec(experiment.plan(oracle.scenario {\n"
    "    model = 'meta-llama/Llama-3.1-8B-Instruct', hardware = 'h100-sxm', batching = batching or "
    "'chunked',\n"
    "    replicas = replicas, router = router, duration = 1100,\n"
    "    engine = { max_num_seqs = 64, max_num_batched_tokens = 512 },\n"
    "    workload = oracle.workload.closed_loop { concurrency = 24, output = oracle.dist.uniform { "
    "low = 20, high = 90 },\n"
    "      prompt = oracle.dist.uniform { low = 50, high = 900 } },\n"
    "  }))\n"
    "  if not batching then spec.batching = nil end\n"
    "  if every then\n"
    "    local copy = {}\n"
    "    for k, v in pairs(spec.batching) do copy[k] = v end\n"
    "    copy.every_step, spec.batching = true, copy\n"
    "  end\n"
    "  local s = sim.new(spec)\n"
    "  s:run(800 * 1000000000)\n"
    "  collectgarbage() collectgarbage()\n"
    "  collectgarbage 'stop'\n"
    "  s:run(820 * 1000000000)\n" /* the collector has cut the stack of Lua to what was in use */
    "  local asked, bytes = count(), collectgarbage 'count'\n"
    "  s:run(1000 * 1000000000)\n"
    "  local more = collectgarbage 'count' - bytes\n"
    "  asked = count() - asked\n"
    "  collectgarbage 'restart'\n"
    "  return asked, 1024 * more, s:result().steps\n"
    "end\n";

typedef struct run {
  const char *batching; /* NULL: the engine's own, in C */
  const char *router;
  int replicas;
  bool every_step;
  bool remembers; /* keeps a table by request: Lua makes room in it anew, though it never grows */
} run;

static void check(lua_State *L, const run *r)
{
  lua_pushvalue(L, 1);
  if (r->batching != NULL)
    lua_pushstring(L, r->batching);
  else
    lua_pushboolean(L, 0);
  lua_pushstring(L, r->router);
  lua_pushinteger(L, r->replicas);
  lua_pushboolean(L, r->every_step);
  if (lua_pcall(L, 4, 3, 0) != LUA_OK) {
    printf("%s, %s: %s\n", r->batching, r->router, lua_tostring(L, -1));
    CHECK(false);
    lua_settop(L, 1);
    return;
  }
  const long long times = lua_tointeger(L, 2), bytes = (long long)lua_tonumber(L, 3);
  if ((times != 0 && !r->remembers) || bytes != 0)
    printf("%s, %s: memory asked for %lld times, %lld bytes of Lua\n",
           r->batching != NULL ? r->batching : "in C", r->router, times, bytes);
  CHECK(times == 0 || (r->remembers && times < lua_tointeger(L, 4) / 10));
  CHECK(bytes == 0);
  CHECK(lua_tointeger(L, 4) > 10000);
  lua_settop(L, 1);
}

int main(void)
{
  static const run runs[] = {
    { NULL, "round_robin", 1, false, false },
    { "chunked", "round_robin", 1, false, false },
    { "chunked", "round_robin", 1, true, false },
    { "fcfs", "least_loaded", 3, false, false },
    { "sarathi", "power_of_two", 2, true, false },
    { "orca", "random", 2, false, false },
    { "static", "round_robin", 1, false, false },
    { "priority", "least_loaded", 2, true, false },
    { "sjf", "random", 2, false, false },
    { "edf", "round_robin", 1, false, true },
    { "mlfq", "round_robin", 1, false, true },
    { "vtc", "round_robin", 1, false, true },
    { "adaptive", "round_robin", 1, false, false },
    { "least_slack", "round_robin", 1, false, false },
    { "no_evict", "round_robin", 1, false, false },
    { "sglang", "round_robin", 1, false, false },
    { "triton", "round_robin", 1, false, false },
  };
  const char *home = getenv("ORACLE_HOME");
  lua_State *L = orc_state_new(home != NULL ? home : ".");
  if (luaL_loadbufferx(L, script, sizeof script - 1, "=script", "t") != LUA_OK) {
    printf("%s\n", lua_tostring(L, -1));
    return 1;
  }
  lua_pushcfunction(L, count);
  if (lua_pcall(L, 1, 1, 0) != LUA_OK) {
    printf("%s\n", lua_tostring(L, -1));
    return 1;
  }
  CLAIM("allocations are counted");
  CHECK(asked > 1000);
  CLAIM("a long run asks for no more memory");
  for (size_t i = 0; i < sizeof runs / sizeof *runs; i++)
    check(L, &runs[i]);
  lua_close(L);
  return DONE();
}
