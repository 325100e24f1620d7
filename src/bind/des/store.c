/*
** store.c - stores as Lua sees them: things that processes put in and take out, and wait for while
** there is no room or nothing to take. Each put and get is an event; what was taken is its value.
*/
#include "bind/des/des.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* User values of a store. */
enum { STOCK = 1, ITEMS, VALUES = ITEMS };

/* A put or a get; its user value ORC_DES_MORE is the thing, or the filter. */
typedef struct ask {
  orc_des_event event;
  struct ask *previous, *next;
  struct queue *in; /* NULL: it waits no longer */
  double priority;  /* of a put */
  bool filters;
} ask;

typedef struct queue {
  ask *first, *last;
  uint32_t count;
} queue;

/* Where a thing is: the least key first, and of equal ones the first that came. */
typedef struct entry {
  double key;
  uint64_t number;
  lua_Integer at; /* in the table of things; entries beyond the count keep theirs for the next */
} entry;

typedef struct store {
  queue putting, getting;
  double capacity; /* > 0, or HUGE_VAL */
  orc_lua_level *stock;
  entry *entries; /* a heap */
  uint32_t count, made, room;
  uint64_t number;
  bool by_priority, filtered;
  bool busy; /* a filter runs */
} store;

/* ---- who waits ---- */

static void enter(queue *q, ask *a)
{
  a->in = q;
  a->next = NULL;
  a->previous = q->last;
  if (q->last != NULL)
    q->last->next = a;
  else
    q->first = a;
  q->last = a;
  q->count++;
}

static void leave(ask *a)
{
  queue *q = a->in;
  if (a->previous != NULL)
    a->previous->next = a->next;
  else
    q->first = a->next;
  if (a->next != NULL)
    a->next->previous = a->previous;
  else
    q->last = a->previous;
  a->in = NULL;
  q->count--;
}

/* ---- what is there ---- */

static bool before(const entry *a, const entry *b)
{
  return a->key < b->key || (a->key == b->key && a->number < b->number);
}

static int order(const void *a, const void *b)
{
  return before(a, b) ? -1 : 1;
}

/* Put e where it belongs, at i or above. */
static void rise(store *s, uint32_t i, entry e)
{
  for (; i > 0 && before(&e, &s->entries[(i - 1) / 2]); i = (i - 1) / 2)
    s->entries[i] = s->entries[(i - 1) / 2];
  s->entries[i] = e;
}

static void sink(store *s, uint32_t i, entry e)
{
  for (;;) {
    uint32_t child = 2 * i + 1;
    if (child + 1 < s->count && before(&s->entries[child + 1], &s->entries[child])) child++;
    if (child >= s->count || !before(&s->entries[child], &e)) break;
    s->entries[i] = s->entries[child];
    i = child;
  }
  rise(s, i, e);
}

/* [..., thing] -> [...]: it lies in the store at 1 from now on. */
static void add(lua_State *L, store *s, double key)
{
  if (s->count == s->room) {
    s->room = orc_more_room(s->room, 8);
    s->entries = orc_resize(s->entries, s->room, sizeof *s->entries);
  }
  if (s->count == s->made) s->entries[s->made++].at = (lua_Integer)s->count + 1;
  const entry e = { .key = key, .number = s->number++, .at = s->entries[s->count].at };
  rise(s, s->count++, e);
  lua_getiuservalue(L, 1, ITEMS);
  lua_insert(L, -2);
  lua_rawseti(L, -2, e.at);
  lua_pop(L, 1);
}

/* Push the thing of entry i, which is no longer in the store at 1. */
static void take(lua_State *L, store *s, uint32_t i)
{
  const entry e = s->entries[i], last = s->entries[--s->count];
  s->entries[s->count] = e;
  if (i != s->count) sink(s, i, last);
  lua_getiuservalue(L, 1, ITEMS);
  lua_rawgeti(L, -1, e.at);
  lua_pushnil(L);
  lua_rawseti(L, -3, e.at);
  lua_remove(L, -2);
}

/* [..., filter] -> [..., filter, whether it will have the thing of entry i, or its error] */
static int call_filter(lua_State *L, store *s, uint32_t i)
{
  lua_pushvalue(L, -1);
  lua_getiuservalue(L, 1, ITEMS);
  lua_rawgeti(L, -1, s->entries[i].at);
  lua_remove(L, -2);
  s->busy = true;
  const int status = lua_pcall(L, 1, 1, 0);
  s->busy = false;
  return status;
}

/* [..., event, filter, error] -> the same: the get fails with its filter. */
static void fail(lua_State *L, ask *a)
{
  leave(a);
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, -4, ORC_DES_VALUE);
  orc_des_trigger(&a->event, true);
}

/* The entry that `a` gets, the first in order; s->count where there is none. */
static uint32_t find(lua_State *L, store *s, ask *a)
{
  if (!a->filters) return 0;
  const int top = lua_gettop(L);
  uint32_t found = s->count;
  lua_rawgeti(L, ORC_DES_HELD, (lua_Integer)a->event.slot);
  lua_getiuservalue(L, -1, ORC_DES_MORE);
  for (uint32_t i = 0; i < s->count; i++) {
    if (found < s->count && !before(&s->entries[i], &s->entries[found])) continue;
    if (call_filter(L, s, i) != LUA_OK) {
      fail(L, a);
      found = s->count;
      break;
    }
    if (lua_toboolean(L, -1)) found = i;
    lua_pop(L, 1);
  }
  lua_settop(L, top);
  return found;
}

/* ---- serving ---- */

/* [..., value] -> [...]: `a` has its turn. */
static void serve(lua_State *L, store *s, ask *a)
{
  leave(a);
  orc_lua_des_put(s->stock, s->count);
  lua_rawgeti(L, ORC_DES_HELD, (lua_Integer)a->event.slot);
  lua_insert(L, -2);
  lua_setiuservalue(L, -2, ORC_DES_VALUE);
  lua_pushnil(L);
  lua_setiuservalue(L, -2, ORC_DES_MORE);
  orc_des_trigger(&a->event, false);
  lua_pop(L, 1);
}

/* All whose turn it is, of the store at 1. A get that finds nothing stops those behind it only where
** it takes whatever there is. */
static void settle(lua_State *L, store *s)
{
  bool again = true;
  while (again) {
    again = false;
    while (s->putting.first != NULL && s->count < s->capacity) {
      ask *a = s->putting.first;
      lua_rawgeti(L, ORC_DES_HELD, (lua_Integer)a->event.slot);
      lua_getiuservalue(L, -1, ORC_DES_MORE);
      lua_remove(L, -2);
      add(L, s, a->priority);
      lua_pushnil(L);
      serve(L, s, a);
    }
    for (ask *a = s->getting.first, *next; a != NULL && s->count > 0; a = next) {
      next = a->next;
      const uint32_t i = find(L, s, a);
      if (i == s->count) continue;
      take(L, s, i);
      serve(L, s, a);
      again = true;
    }
  }
}

/* ---- methods ---- */

static store *self(lua_State *L)
{
  bool is = lua_touserdata(L, 1) != NULL && lua_getmetatable(L, 1);
  if (is) {
    is = lua_rawequal(L, -1, ORC_DES_STORES);
    lua_pop(L, 1);
  }
  if (!is)
    orc_bind_misuse(L, "a store of this environment expected before the arguments: "
                       "store:name(...), not store.name");
  store *s = lua_touserdata(L, 1);
  if (s->busy) orc_bind_misuse(L, "a filter cannot use the store that calls it");
  return s;
}

/* The store is at 1, what is put or the filter at 2. Pushes the event. */
static ask *new_ask(lua_State *L, double priority, bool filters)
{
  orc_lua_des *env = orc_lua_des_of(L);
  ask *a = orc_lua_des_new(L, env, ORC_DES_ASK, sizeof *a, ORC_DES_RESOURCE);
  a->in = NULL;
  a->priority = priority;
  a->filters = filters;
  env->L = L;
  return a;
}

/* The event on top of the stack waits in `in`, and has its turn where that is so already. */
static void wait_in(lua_State *L, store *s, ask *a, queue *in)
{
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, ORC_DES_RESOURCE);
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, -2, ORC_DES_MORE);
  orc_des_hold(&a->event);
  orc_lua_des_keep(L, -1, &a->event);
  enter(in, a);
  settle(L, s);
}

/* Of what is put at 2, with what is said at 3. */
static double priority_of(lua_State *L, const store *s)
{
  if (!s->by_priority) {
    if (!lua_isnil(L, 3)) orc_bind_misuse(L, "store:put: priorities are of env:priority_store");
    return 0.0;
  }
  if (!lua_isnil(L, 3))
    lua_pushvalue(L, 3);
  else if (lua_istable(L, 2))
    lua_getfield(L, 2, "priority");
  else if (lua_type(L, 2) == LUA_TNUMBER)
    lua_pushvalue(L, 2);
  else
    lua_pushnil(L);
  const double priority = lua_tonumber(L, -1);
  if (isnan(priority) || (lua_type(L, -1) != LUA_TNUMBER && !lua_isnil(L, -1)))
    orc_bind_misuse(L, "store:put: priority: a number expected, got %s",
                    luaL_tolstring(L, -1, NULL));
  lua_pop(L, 1);
  return priority;
}

/* store:put(thing, priority) -> an event that happens when there is room */
static int put(lua_State *L)
{
  store *s = self(L);
  lua_settop(L, 3);
  if (lua_isnil(L, 2)) orc_bind_misuse(L, "store:put: something expected, got nil");
  const double priority = priority_of(L, s);
  lua_settop(L, 2);
  ask *a = new_ask(L, priority, false);
  if (s->putting.first != NULL || !(s->count < s->capacity)) {
    wait_in(L, s, a, &s->putting);
    return 1;
  }
  lua_pushvalue(L, 2);
  add(L, s, priority);
  orc_lua_des_put(s->stock, s->count);
  orc_des_trigger(&a->event, false);
  if (s->getting.first != NULL) settle(L, s);
  return 1;
}

/* store:get(filter) -> an event whose value is what was taken */
static int get(lua_State *L)
{
  store *s = self(L);
  lua_settop(L, 2);
  if (!lua_isnil(L, 2)) {
    if (!s->filtered) orc_bind_misuse(L, "store:get: filters are of env:filter_store");
    if (!lua_isfunction(L, 2)) orc_bind_misuse(L, "store:get: a function expected");
  }
  ask *a = new_ask(L, 0.0, !lua_isnil(L, 2));
  if (s->getting.first != NULL || s->count == 0 || a->filters) {
    wait_in(L, s, a, &s->getting);
    return 1;
  }
  take(L, s, 0);
  lua_setiuservalue(L, -2, ORC_DES_VALUE);
  orc_lua_des_put(s->stock, s->count);
  orc_des_trigger(&a->event, false);
  if (s->putting.first != NULL) settle(L, s);
  return 1;
}

/* store:items() -> what is in it, in the order in which it leaves */
static int items(lua_State *L)
{
  const store *s = self(L);
  entry *sorted = lua_newuserdatauv(L, (s->count + 1) * sizeof *sorted, 0);
  if (s->count > 0) {
    memcpy(sorted, s->entries, s->count * sizeof *sorted);
    qsort(sorted, s->count, sizeof *sorted, order);
  }
  lua_getiuservalue(L, 1, ITEMS);
  lua_createtable(L, (int)s->count, 0);
  for (uint32_t i = 0; i < s->count; i++) {
    lua_rawgeti(L, -2, sorted[i].at);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}

const luaL_Reg orc_lua_des_store_methods[] = {
  { "put", put }, { "get", get }, { "items", items }, { NULL, NULL }
};

/* store[key] */
int orc_lua_des_store_field(lua_State *L)
{
  lua_rawgeti(L, ORC_DES_STORES, ORC_DES_METHODS_OF);
  lua_pushvalue(L, 2);
  if (lua_rawget(L, -2) != LUA_TNIL) return 1;
  const store *s = self(L);
  const char *key = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
  if (strcmp(key, "count") == 0)
    lua_pushinteger(L, s->count);
  else if (strcmp(key, "capacity") == 0)
    lua_pushnumber(L, s->capacity);
  else if (strcmp(key, "stock") == 0)
    lua_getiuservalue(L, 1, STOCK);
  else if (strcmp(key, "putting") == 0)
    lua_pushinteger(L, s->putting.count);
  else if (strcmp(key, "getting") == 0)
    lua_pushinteger(L, s->getting.count);
  else
    orc_bind_misuse(L, "a store has no \"%s\"", luaL_tolstring(L, 2, NULL));
  return 1;
}

int orc_lua_des_store_collect(lua_State *L)
{
  store *s = lua_touserdata(L, 1);
  free(s->entries);
  s->entries = NULL;
  s->count = s->made = s->room = 0;
  return 0;
}

/* The put or get `e` at 1 waits no longer; those behind it may have their turn. Returns whether it
** did. */
bool orc_lua_des_ask_cancel(lua_State *L, orc_des_event *e)
{
  ask *a = (ask *)e;
  if (a->in == NULL) return false;
  lua_settop(L, 1);
  lua_getiuservalue(L, 1, ORC_DES_RESOURCE);
  lua_insert(L, 1);
  store *s = self(L);
  orc_lua_des_of(L)->L = L;
  leave(a);
  orc_des_drop(e);
  settle(L, s);
  return true;
}

/* ---- making one ---- */

static int make(lua_State *L, const char *name, bool by_priority, bool filtered)
{
  orc_lua_des_self(L);
  lua_settop(L, 2);
  const double capacity = lua_isnil(L, 2) ? HUGE_VAL : lua_tonumber(L, 2);
  if (!(capacity > 0.0) || lua_type(L, 2) == LUA_TSTRING)
    orc_bind_misuse(L, "env:%s: capacity: a number above 0 expected, got %s", name,
                    luaL_tolstring(L, 2, NULL));
  store *s = lua_newuserdatauv(L, sizeof *s, VALUES); /* 3 */
  *s = (store){ .capacity = capacity, .by_priority = by_priority, .filtered = filtered };
  lua_pushvalue(L, ORC_DES_STORES);
  lua_setmetatable(L, 3);
  s->stock = orc_lua_des_new_level(L, 1, 0.0);
  lua_setiuservalue(L, 3, STOCK);
  lua_newtable(L);
  lua_setiuservalue(L, 3, ITEMS);
  return 1;
}

/* env:store(capacity) */
int orc_lua_des_store(lua_State *L)
{
  return make(L, "store", false, false);
}

/* env:filter_store(capacity) */
int orc_lua_des_filter_store(lua_State *L)
{
  return make(L, "filter_store", false, true);
}

/* env:priority_store(capacity) */
int orc_lua_des_priority_store(lua_State *L)
{
  return make(L, "priority_store", true, false);
}
