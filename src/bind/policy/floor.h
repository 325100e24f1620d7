/*
** floor.h - where a policy's call begins on the Lua stack of this thread: the frames below are the
** caller's, and no error is said to be at their lines.
*/
#ifndef ORC_BIND_POLICY_FLOOR_H
#define ORC_BIND_POLICY_FLOOR_H

/* Lua's record (lua_Debug's i_ci) of the function that called the policy; NULL outside of calls. */
const void *orc_floor_get(void);
void orc_floor_set(const void *record);

#endif
