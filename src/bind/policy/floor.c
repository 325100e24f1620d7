#include "bind/policy/floor.h"

#include <stddef.h>

/* Message handlers and hooks of Lua bring no argument to find it by. */
static _Thread_local const void *floor_record = NULL;

const void *orc_floor_get(void)
{
  return floor_record;
}

void orc_floor_set(const void *record)
{
  floor_record = record;
}
