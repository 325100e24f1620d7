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
  l->at[l->count++] = (orc_unit_event){ .time = time, .replica = replica, .what = (uint8_t)what };
}

void orc_unit_log_done(orc_unit_log *l)
{
  free(l->at);
  *l = (orc_unit_log){ 0 };
}
