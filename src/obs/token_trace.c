#include "obs/token_trace.h"

#include <stdlib.h>

void orc_token_trace_done(orc_token_trace *t)
{
  free(t->tokens);
  free(t->requests);
  *t = (orc_token_trace){ 0 };
}

/* Room for one more of `count` things of `size` bytes. */
static void *room_for(void *at, uint64_t count, uint64_t *room, size_t size)
{
  if (count < *room) return at;
  *room = *room == 0 ? 1024 : 2 * *room;
  return orc_resize(at, *room, size);
}

static orc_token_request *request(orc_token_trace *t, uint64_t number)
{
  while (t->request_count <= number) {
    t->requests = room_for(t->requests, t->request_count, &t->request_room, sizeof *t->requests);
    t->requests[t->request_count++] = (orc_token_request){ 0 };
  }
  return &t->requests[number];
}

static void token(orc_token_trace *t, uint64_t number, orc_time time)
{
  request(t, number)->seen++;
  if (t->token_count == ORC_TOKEN_TRACE_MOST) {
    t->beyond++;
    return;
  }
  t->tokens = room_for(t->tokens, t->token_count, &t->token_room, sizeof *t->tokens);
  t->tokens[t->token_count++] = (orc_token){ .number = number, .time = time };
}

static void step(void *self, const orc_step_note *n)
{
  orc_token_trace *t = self;
  t->step_end = n->end;
}

static void part(void *self, const orc_step_part *p)
{
  orc_token_trace *t = self;
  if (p->decodes && t->step_end != ORC_NEVER) token(t, p->number, t->step_end);
}

static void change(void *self, const orc_life_entry *e)
{
  orc_token_trace *t = self;
  orc_token_request *q = request(t, e->number);
  if (e->what == ORC_CHANGE_ARRIVED) q->prompt = e->amount;
  if (e->what == ORC_CHANGE_TOKEN) q->seen = 1;
  /* Computed once more after a preemption, up to the last token it had: the next one is there. */
  const bool again = e->what == ORC_CHANGE_COMPUTED && q->seen > 0;
  if (again && e->of >= q->prompt + q->seen) token(t, e->number, e->time);
}

orc_log orc_token_trace_log(orc_token_trace *t)
{
  return (orc_log){ .self = t, .step = step, .part = part, .change = change };
}
