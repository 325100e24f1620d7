/*
** ask.h - asks the policies written in Lua: the functions behind the pointers of serve/policy.h.
** `self` is an orc_lua_policies. Each returns false with *e, which names the policy, its file and
** line, when its Lua function raises, does not return, takes memory without end, or gives no
*answer.
*/
#ifndef ORC_BIND_ASK_H
#define ORC_BIND_ASK_H

#include "bind/policy.h"

bool orc_ask_step(void *self, orc_batch *b, orc_error *e);
bool orc_ask_order(void *self, const orc_request *r, double *key, orc_error *e);
bool orc_ask_ended(void *self, const orc_request *r, orc_status status, orc_error *e);
bool orc_ask_route(void *self, const orc_cluster *c, const orc_request *r, int *replica,
                   orc_error *e);
bool orc_ask_decode(void *self, const orc_cluster *c, const orc_request *r, int *replica,
                    orc_error *e);
bool orc_ask_admit(void *self, const orc_cluster *c, const orc_request *r, bool *yes, orc_error *e);
bool orc_ask_grade(void *self, const orc_request *r, int *grade, orc_error *e);

#endif
