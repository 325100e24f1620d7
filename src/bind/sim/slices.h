/*
** slices.h - a simulation in several threads (cluster/slice.h), as Lua sees it.
*/
#ifndef ORC_BIND_SIM_SLICES_H
#define ORC_BIND_SIM_SLICES_H

#include <lua.h>

/*
** [] -> [function]: slices(s, threads, module, argument) -> g, for a simulation that has not run; or
** nil and why it is for one thread. Each further thread, in a Lua state whose modules come from
** `home`, calls require(module).worker(argument), which returns the same simulation made anew and a
** function; it runs that, and the function says whether policies kept nothing beyond what is of a replica. The caller runs `s` at the same time; then
**   g:join(yes) waits for the threads; yes: what that function says of the caller's -> true: s:result() is
**               that of all; or false, and why, where there is more to say than that one of them failed: it
**               must be simulated by one thread
**   g:close()   frees the others, after s:result()
*/
int orc_bind_slices(lua_State *L, const char *home);

#endif
