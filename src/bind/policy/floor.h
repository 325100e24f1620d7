/*
** floor.h - the bottom of a policy's part of the Lua stack on this thread: what lies below called
** the policy and is none of its lines.
*/
#ifndef ORC_BIND_POLICY_FLOOR_H
#define ORC_BIND_POLICY_FLOOR_H

/* Lua's record (lua_Debug's i_ci) of the function that called the policy; NULL outside of calls. */
const void *orc_floor_get(void);
void orc_floor_set(const void *record);

#endif
