/*
** net.h - topologies that Lua made, for the other files of bind/.
*/
#ifndef ORC_BIND_NET_H
#define ORC_BIND_NET_H

#include "bind/bind.h"
#include "net/topology.h"

/*
** The topology at `index`; raises an error when there is something else. It lives as long as the
** Lua value: whoever keeps the pointer keeps the value too.
*/
orc_topology *orc_bind_topology(lua_State *L, int index);

#endif
