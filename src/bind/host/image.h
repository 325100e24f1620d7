/*
** image.h - a Lua state with its modules loaded, as bytes of a file, so that a run does not build it anew: the file is
** mapped where the state was made, and every address in it is right again.
*/
#ifndef ORC_BIND_HOST_IMAGE_H
#define ORC_BIND_HOST_IMAGE_H

#include <lua.h>

#include "base/base.h"

/*
** The state that home/build/lua/image holds; the collector and what is written to it leave the file alone. NULL: there
** is none, or it is of another program or home, or a file that it was made of has changed, or its place in memory is
** taken. One state of a process can have it.
*/
lua_State *orc_image_open(const char *home);

/*
** Write it: a state in which the modules of a run are loaded. A run in L, which prints what runs print, shows which
** (lua/oracle/command/image.lua). False and why in `e` where something in the state leads out of it.
*/
bool orc_image_write(lua_State *L, const char *home, orc_error *e);

#endif
