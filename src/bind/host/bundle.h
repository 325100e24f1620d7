/*
** bundle.h - the Lua of oracle, compiled ahead of time into one file (tools/precompile.lua), which a Lua state maps
** once and takes modules from by name.
*/
#ifndef ORC_BIND_HOST_BUNDLE_H
#define ORC_BIND_HOST_BUNDLE_H

#include <lua.h>

/*
** [] -> [open]: require asks the bundle of `home` (home/build/lua/bundle), after what is preloaded and before the sources.
** A module counts while its source is there and no newer than the bundle; else the source is compiled, as it is where
** there is no bundle. open() -> { opened = how often the bundle was, taken = modules from it, missed = modules of
** oracle that it did not give }: what tests see of a start as the module oracle.bundle.
*/
void orc_bundle_search(lua_State *L, const char *home);

/* The bundle is as it was before a module was wanted of it. */
void orc_bundle_close(lua_State *L);

#endif
