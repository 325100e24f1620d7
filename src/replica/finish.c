#include "replica/finish.h"

#include "replica/block_table.h"
#include "replica/running.h"

void orc_finish(orc_replica *r, orc_slot slot, orc_status status, orc_time now)
{
  orc_request *q = orc_replica_request(r, slot);
  orc_block_table_end(r, q);
  if (status != ORC_SUCCESS) orc_request_cut(q, now, orc_replica_lands(r, now));
  r->host_free += q->swapped;
  q->swapped = 0;
  q->state = ORC_DONE;
  r->unchanged = false;
  if (r->role == ORC_ROLE_DECODE) r->host->room_freed(r->host->self, r->index, now);
  r->host->ended(r->host->self, slot, status, now);
}

void orc_finish_running(orc_replica *r, orc_slot slot, orc_status status, orc_time now)
{
  orc_running_halt(r, slot);
  orc_finish(r, slot, status, now);
}
