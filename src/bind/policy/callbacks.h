/*
** callbacks.h - asks the policies written in Lua: the functions behind the pointers of replica/scheduler.h and
** cluster/policy.h.
** `self` is an orc_lua_policies. Each returns false with *e, which names the policy, its file and
** line, when its Lua function raises, does not return, takes memory without end, or gives no
** answer.
*/
#ifndef ORC_BIND_POLICY_CALLBACKS_H
#define ORC_BIND_POLICY_CALLBACKS_H

#include "bind/policy/policies.h"

bool orc_callback_step(void *self, orc_batch *b, orc_error *e);
bool orc_callback_order(void *self, const orc_request *r, double *key, orc_error *e);
bool orc_callback_ended(void *self, const orc_request *r, orc_status status, orc_error *e);
bool orc_callback_route(void *self, const orc_cluster *c, const orc_request *r, int *replica,
                        orc_error *e);
bool orc_callback_decode(void *self, const orc_cluster *c, const orc_request *r, int *replica,
                         orc_error *e);
bool orc_callback_admit(void *self, const orc_cluster *c, const orc_request *r, bool *yes,
                        orc_error *e);
bool orc_callback_grade(void *self, const orc_request *r, int *grade, orc_error *e);

#endif
