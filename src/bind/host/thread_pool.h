/*
** thread_pool.h - threads that each run a Lua state of their own: many simulations at a time. What goes in
** and out are numbers and texts, so no two states ever meet.
*/
#ifndef ORC_BIND_HOST_THREAD_POOL_H
#define ORC_BIND_HOST_THREAD_POOL_H

#include <lua.h>

/*
** [] -> [function]: the constructor of pools whose states take their modules from `home`, which
** must outlive the pools.
**
** pool(threads, module, argument) -> p. Each thread, in its own state, calls
** require(module).worker(argument) once; the function it returns is called with an index (a whole
** number) and returns a text, or nil for a point given up, and up to ORC_THREAD_POOL_NUMBERS numbers.
**   p:submit(index)      hand a point out; never waits
**   p:take(seconds)      -> index, text or false, numbers ...: one that is finished; nil: none was
**                        within that time. A text of another kind than the function gave is raised.
**   p:close()            waits for the points being computed, drops those not begun
**   p:abandon()          the same, and stops the simulations that run
*/
int orc_bind_thread_pool(lua_State *L, const char *home);

enum { ORC_THREAD_POOL_NUMBERS = 3, ORC_THREAD_POOL_THREADS = 1024 };

#endif
