#include "obs/step_trace.h"

#include <stdlib.h>

void orc_step_trace_done(orc_step_trace *s)
{
  free(s->steps);
  free(s->parts);
  free(s->preempted);
  free(s->requests);
  *s = (orc_step_trace){ 0 };
}

/* Room for one more of `count` things of `size` bytes. */
static void *room_for(void *at, uint32_t count, uint32_t *room, size_t size)
{
  if (count < *room) return at;
  *room = *room == 0 ? 64 : 2 * *room;
  return orc_resize(at, *room, size);
}

static orc_step_trace_request *request(orc_step_trace *s, uint64_t number)
{
  while (s->request_count <= number) {
    s->requests = room_for(s->requests, s->request_count, &s->request_room, sizeof *s->requests);
    s->requests[s->request_count++] =
        (orc_step_trace_request){ .cached = -1, .arrival = -1, .first_token = -1, .finish = -1 };
  }
  return &s->requests[number];
}

static void step(void *self, const orc_step_note *n)
{
  orc_step_trace *s = self;
  s->steps = room_for(s->steps, s->step_count, &s->step_room, sizeof *s->steps);
  s->steps[s->step_count++] = (orc_step_trace_step){ .formed = n->formed,
                                                     .start = n->start,
                                                     .used = n->used,
                                                     .preempted = s->preempted_count - s->told };
  s->told = s->preempted_count;
}

static void part(void *self, const orc_step_part *p)
{
  orc_step_trace *s = self;
  orc_step_trace_request *q = request(s, p->number);
  q->client = p->client;
  q->turn = p->turn;
  s->parts = room_for(s->parts, s->part_count, &s->part_room, sizeof *s->parts);
  s->parts[s->part_count++] = (orc_step_trace_part){ p->number, p->tokens };
  s->steps[s->step_count - 1].parts++;
}

static void change(void *self, const orc_life_entry *e)
{
  orc_step_trace *s = self;
  orc_step_trace_request *q = request(s, e->number);
  switch ((orc_change)e->what) {
  case ORC_CHANGE_ARRIVED:
    q->arrival = e->time;
    q->prompt = e->amount;
    break;
  case ORC_CHANGE_ADMITTED:
    if (q->cached < 0) q->cached = e->amount;
    break;
  case ORC_CHANGE_TOKEN:
    q->first_token = e->time;
    break;
  case ORC_CHANGE_PREEMPTED:
    q->preemptions++;
    s->preempted =
        room_for(s->preempted, s->preempted_count, &s->preempted_room, sizeof *s->preempted);
    s->preempted[s->preempted_count++] = e->number;
    break;
  case ORC_CHANGE_ENDED:
    q->finish = e->time;
    break;
  case ORC_CHANGE_COMPUTED:
  case ORC_CHANGE_LOST:
  case ORC_CHANGES:
    break;
  }
}

orc_log orc_step_trace_log(orc_step_trace *s)
{
  return (orc_log){ .self = s, .step = step, .part = part, .change = change };
}
