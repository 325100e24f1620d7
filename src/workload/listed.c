#include "workload/listed.h"

#include <stdlib.h>

/* Kinds of texts (orc_prompt_text): what the answers and the later inputs are. */
enum { ANSWER = 101, INPUT = 102 };

typedef struct listed {
  orc_listed *at;
  uint32_t count, room, sent;
  orc_prompts prompts;
  uint16_t profile;
} listed;

static bool next_one(void *self, orc_arrival *out, orc_error *e)
{
  listed *s = self;
  (void)e;
  if (s->sent == s->count) return false;
  const orc_listed *r = &s->at[s->sent];
  *out = (orc_arrival){ .time = r->time,
                        .prompt = r->prompt,
                        .output = r->output,
                        .max_output = r->max_output,
                        .client = s->sent,
                        .session = (uint64_t)s->sent + 1,
                        .turn = 1,
                        .last_replica = ORC_NO_REPLICA,
                        .stops = r->stops,
                        .streamed = true,
                        .priority = r->priority,
                        .profile = s->profile,
                        .timeout = ORC_NEVER,
                        .cancel = ORC_NEVER,
                        .prompt_id = r->prompt_id };
  s->sent++;
  return true;
}

static bool follow(void *self, const orc_outcome *of, orc_arrival *out, orc_error *e)
{
  listed *s = self;
  (void)e;
  const orc_listed *r = &s->at[of->in->client];
  const int32_t turn = of->in->turn;
  if (turn >= r->turns || r->prompt_id == 0 || of->status != ORC_SUCCESS) return false;
  const uint32_t id =
      orc_prompts_continue(&s->prompts, of->in->prompt_id, of->generated,
                           orc_prompt_text(ANSWER, of->in->client, (uint64_t)turn + 1));
  orc_prompts_append(&s->prompts, id, orc_prompt_text(INPUT, of->in->client, (uint64_t)turn + 1), 0,
                     r->input);
  *out = *of->in;
  out->time = orc_time_after(of->ended, r->think);
  out->turn = (uint16_t)(turn + 1);
  out->prompt = orc_prompt_length(&s->prompts.at[id]);
  out->prompt_id = id;
  out->last_replica = of->replica;
  return true;
}

static void done(void *self)
{
  listed *s = self;
  free(s->at);
  orc_prompts_done(&s->prompts);
  free(s);
}

orc_source orc_source_listed(uint16_t profile)
{
  listed *s = orc_alloc(1, sizeof *s);
  s->profile = profile;
  return (orc_source){
    .self = s, .next = next_one, .follow = follow, .done = done, .prompts = &s->prompts
  };
}

void orc_listed_add(orc_source *source, const orc_listed *r)
{
  listed *s = source->self;
  ORC_ASSERT(s->count == 0 || r->time >= s->at[s->count - 1].time);
  if (s->count == s->room) {
    s->room = s->room == 0 ? 64 : 2 * s->room;
    s->at = orc_resize(s->at, s->room, sizeof *s->at);
  }
  if (r->prompt_id != 0) s->prompts.at[r->prompt_id].answer = orc_prompt_text(ANSWER, s->count, 1);
  s->at[s->count++] = *r;
}
