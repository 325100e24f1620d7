/*
** json.h - the two directions of oracle.core.json (json.c): what Lua calls, and what frees what
** either holds when an error goes through it. Both are bounded alike in depth.
*/
#ifndef ORC_BIND_JSON_JSON_H
#define ORC_BIND_JSON_JSON_H

#include <lua.h>

/* Levels of nesting; far below cJSON's own 1000, so ours is the message. */
#define ORC_BIND_JSON_DEPTH 200

/* Names of the metatables of what is being read, and of what is being written. */
#define ORC_BIND_JSON_TREE "oracle.json.tree"
#define ORC_BIND_JSON_TEXT "oracle.json.text"

int orc_bind_json_decode(lua_State *L);    /* (text [, name]) -> value; json_read.c */
int orc_bind_json_encode(lua_State *L);    /* (value [, options]) -> text; json_write.c */
int orc_bind_json_free_tree(lua_State *L); /* __gc of a tree */
int orc_bind_json_free_text(lua_State *L); /* __gc of a text */

#endif
