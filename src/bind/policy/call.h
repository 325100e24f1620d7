/*
** call.h - how a policy's function is called from the engine, and how its table is read: for
** the files of bind/ that put Lua behind the function pointers of replica/scheduler.h and cluster/policy.h.
*/
#ifndef ORC_BIND_POLICY_CALL_H
#define ORC_BIND_POLICY_CALL_H

#include "bind/policy/policies.h"

/* ---- calling ---- */

/* Push the function a reference names, above the handler of its errors: what ask and call expect
** below the arguments. */
void orc_policy_push(lua_State *L, int function);

/*
** Call the function below `args` arguments; its draws come from asked.rng. Leaves its results, or
** its error, in place of what orc_policy_push pushed. Returns lua_pcall's status.
*/
int orc_policy_ask(orc_lua_policies *p, int args, int results, orc_call_context asked);

/* The same for functions without a batch (router, admission, a cost model ...), which draw from `chance`. */
int orc_policy_call(orc_lua_policies *p, int args, int results, orc_rng *chance);

/* "file:line" at which the function `function` refers to begins. */
void orc_policy_place(lua_State *L, int function, char *out, size_t size);

/* What was returned is no answer: an error of the engine at the line at which the function begins.
** Returns false. */
bool orc_policy_refuse_answer(lua_State *L, int function, const char *policy, const char *what,
                              orc_error *e);

/* Whether a protected call failed because it took more memory than a policy may; its error is on top. */
bool orc_policy_took_memory(lua_State *L, int status);

/* Turn what a protected call left on the stack into an error of the engine; pops it. Returns false.
 */
bool orc_policy_refuse(lua_State *L, int status, int function, const char *policy, orc_error *e);

/* ---- reading the tables ---- */

/* A reference to the function `key` of the table on top, LUA_NOREF when it defines none. */
int orc_policy_function(lua_State *L, const char *what, const char *key);

/* The name of the policy on top; valid as long as its table: the spec holds it. */
const char *orc_policy_name(lua_State *L);

/* The one function of a policy of `kind` in the table at `index`; LUA_NOREF without such a policy.
** Raises when it has none. */
int orc_policy_read_one(lua_State *L, int index, const char *kind, const char *key,
                        const char **called);

/* A reference to a policy's own table, empty. */
int orc_policy_memory(lua_State *L);

/* A reference to the params of the policy of `kind` in the table at `index`, or to nil. */
int orc_policy_read_params(lua_State *L, int index, const char *kind);

/* Both are references: memory.params becomes a copy of params. */
void orc_policy_give_params(lua_State *L, int memory, int params);

/* Push a copy of the table at `index`; deep: of the tables in it, too. */
void orc_policy_push_copy(lua_State *L, int index);
void orc_policy_push_deep_copy(lua_State *L, int index);

#endif
