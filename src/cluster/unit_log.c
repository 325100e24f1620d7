#include "cluster/unit_log.h"

#include <stdlib.h>

const char *orc_unit_change_name(orc_unit_change what)
{
  static const char *const names[] = {
    "starting", "ready", "draining", "off", "failed", "recovered"
  };
  return names[what];
}

bool orc_unit_change_is_failure(orc_unit_change what)
{
  return what == ORC_UNIT_FAILED || what == ORC_UNIT_RECOVERED;
}

/* A replica whose steps run ahead of the clock is off before others are seen to be so that were earlier. */
static bool is_before(const orc_unit_event *a, const orc_unit_event *b)
{
  if (a->time != b->time) return a->time < b->time;
  return a->what == ORC_UNIT_OFF && b->what == ORC_UNIT_OFF && a->replica < b->replica;
}

void orc_unit_log_note(orc_unit_log *l, orc_time time, uint16_t replica, orc_unit_change what)
{
  if (l->count == ORC_UNIT_LOG_MOST) {
    l->left_out++;
    return;
  }
  if (l->count == l->room) {
    l->room = l->room == 0 ? 16 : 2 * l->room;
    l->at = orc_resize(l->at, l->room, sizeof *l->at);
  }
  const orc_unit_event e = { .time = time, .replica = replica, .what = (uint8_t)what };
  uint32_t place = l->count++;
  for (; place > 0 && is_before(&e, &l->at[place - 1]); place--)
    l->at[place] = l->at[place - 1];
  l->at[place] = e;
}

void orc_unit_log_done(orc_unit_log *l)
{
  free(l->at);
  *l = (orc_unit_log){ 0 };
}
