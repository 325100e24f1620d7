#include "obs/chrome_trace.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/status.h"
#include "obs/event_file.h"
#include "obs/lanes.h"

/* Processes of the trace: the requests, and behind them the replicas. */
enum { REQUESTS = 1, FIRST_REPLICA = 2 };

enum { WORDS = 256 }; /* chars of an event's arguments */

/* Slices of a stage that are remembered: as many steps may be under way at a time. */
enum { KEPT = 8 };

typedef struct seen_stage {
  orc_time start[KEPT], end[KEPT]; /* ns, the newest at (count - 1) % KEPT */
  uint64_t count;
} seen_stage;

/* What is known of a replica. */
typedef struct seen_replica {
  orc_step_note *steps; /* [microbatches] the last step of each */
  int microbatches;
  seen_stage *stages; /* [stage_count] */
  int stage_count;
  uint16_t ranks;   /* devices of each */
  int64_t running;  /* requests it has admitted */
  int64_t shown[3]; /* counters as last written: KV blocks, waiting, running */
  bool known;
} seen_replica;

struct orc_chrome_trace {
  orc_event_file file;
  orc_time from, to, cut;
  orc_lanes lanes;
  seen_replica *replicas; /* [replica_room] */
  uint32_t replica_room;
  uint32_t named_lanes;
  int64_t in_phase[ORC_LANE_PHASES], shown[ORC_LANE_PHASES];
  uint16_t stepping; /* the replica whose step is being told, */
  int64_t prompts;   /* requests of it still to come that compute a prompt, */
  orc_time entered;  /* and when it entered its first stage, ns; -1: that is not written */
};

static const char *const phases[] = { "queued", "prefill", "decode", "preempted" };

orc_chrome_trace *orc_chrome_trace_open(const orc_chrome_trace_options *o, orc_error *e)
{
  orc_chrome_trace *t = orc_alloc(1, sizeof *t);
  t->from = o->from;
  t->to = o->to;
  t->cut = t->entered = -1;
  if (!orc_event_file_open(&t->file, o->path, o->most, e)) {
    free(t);
    return NULL;
  }
  orc_event_file_name(&t->file, (orc_track){ REQUESTS, 0 }, "requests");
  return t;
}

/* Whether what goes from start to end is to be written. */
static bool wanted(orc_chrome_trace *t, orc_time start, orc_time end)
{
  if (start >= t->to || end < t->from || t->cut >= 0) return false;
  if (orc_event_file_has_room(&t->file)) return true;
  t->cut = start;
  return false;
}

/* ---- replicas ---- */

static seen_replica *replica_of(orc_chrome_trace *t, uint16_t index)
{
  while (t->replica_room <= index) {
    const uint32_t room = t->replica_room == 0 ? 8 : 2 * t->replica_room;
    t->replicas = orc_resize(t->replicas, room, sizeof *t->replicas);
    for (uint32_t i = t->replica_room; i < room; i++)
      t->replicas[i] = (seen_replica){ .shown = { -1, -1, -1 } };
    t->replica_room = room;
  }
  seen_replica *r = &t->replicas[index];
  if (!r->known) {
    char name[32];
    snprintf(name, sizeof name, "replica %u", index);
    orc_event_file_name(&t->file, (orc_track){ FIRST_REPLICA + index, 0 }, name);
    r->known = true;
  }
  return r;
}

static orc_track device(uint16_t replica, uint16_t stage, uint16_t ranks, uint16_t rank)
{
  return (orc_track){ FIRST_REPLICA + replica, 1U + (uint32_t)stage * ranks + rank };
}

/* The stage of a note, whose devices get names where it is the first of it. */
static seen_stage *stage_of(orc_chrome_trace *t, seen_replica *r, const orc_stage_note *n)
{
  r->ranks = n->ranks;
  while (r->stage_count <= n->stage) {
    const uint16_t stage = (uint16_t)r->stage_count++;
    r->stages = orc_resize(r->stages, (size_t)r->stage_count, sizeof *r->stages);
    r->stages[stage] = (seen_stage){ 0 };
    for (uint16_t rank = 0; rank < n->ranks; rank++) {
      char name[64];
      snprintf(name, sizeof name, "GPU %d (stage %u, rank %u)", stage * n->ranks + rank, stage,
               rank);
      orc_event_file_name(&t->file, device(n->replica, stage, n->ranks, rank), name);
    }
  }
  return &r->stages[n->stage];
}

/* Queue and memory of a replica, where they are others than last written. */
static void count_replica(orc_chrome_trace *t, uint16_t index, orc_time time, int64_t used,
                          int64_t waiting, int64_t running)
{
  seen_replica *r = replica_of(t, index);
  char args[WORDS];
  if (!wanted(t, time, time)) return;
  if (r->shown[0] != used) {
    snprintf(args, sizeof args, "\"used\":%" PRId64, used);
    orc_event_file_counter(&t->file, FIRST_REPLICA + index, "KV blocks", time, args);
  }
  if (r->shown[1] != waiting || r->shown[2] != running) {
    snprintf(args, sizeof args, "\"waiting\":%" PRId64 ",\"running\":%" PRId64, waiting, running);
    orc_event_file_counter(&t->file, FIRST_REPLICA + index, "queue", time, args);
  }
  r->shown[0] = used;
  r->shown[1] = waiting;
  r->shown[2] = running;
}

static void on_step(void *self, const orc_step_note *n)
{
  orc_chrome_trace *t = self;
  seen_replica *r = replica_of(t, n->replica);
  if (r->microbatches <= n->microbatch) {
    r->steps = orc_resize(r->steps, n->microbatch + 1U, sizeof *r->steps);
    r->microbatches = n->microbatch + 1;
  }
  r->steps[n->microbatch] = *n;
  t->stepping = n->replica;
  t->prompts = n->prefill_seqs;
  t->entered = -1;
  count_replica(t, n->replica, n->start, n->used, n->waiting, n->running);
}

/* A step that a failure ended was told to its end: what follows on the stage begins behind it. */
static void on_stage(void *self, const orc_stage_note *n)
{
  orc_chrome_trace *t = self;
  seen_replica *r = replica_of(t, n->replica);
  const orc_step_note *step = &r->steps[n->microbatch];
  char args[WORDS];
  if (!wanted(t, n->start, n->end)) return;
  seen_stage *stage = stage_of(t, r, n);
  const orc_time before = stage->count > 0 ? stage->end[(stage->count - 1) % KEPT] : 0;
  const orc_time start = n->start > before ? n->start : before;
  if (start >= n->end) return;
  snprintf(args, sizeof args,
           "\"step\":%" PRIu64 ",\"decodes\":%" PRId64 ",\"prefill_tokens\":%" PRId64
           ",\"prompts\":%" PRId64 ",\"kv_blocks\":%" PRId64,
           step->number, step->decodes, step->prefill_tokens, step->prefill_seqs, step->used);
  const char *name = step->prefill_tokens == 0 ? "decode"
                     : step->decodes == 0      ? "prefill"
                                               : "mixed";
  for (uint16_t rank = 0; rank < n->ranks; rank++)
    orc_event_file_slice(&t->file, device(n->replica, n->stage, n->ranks, rank), name, start,
                         n->end, args);
  stage->start[stage->count % KEPT] = start;
  stage->end[stage->count++ % KEPT] = n->end;
  if (n->stage == 0) t->entered = start;
}

/* ---- requests ---- */

static orc_track track_of(const orc_chrome_trace *t, const orc_lane *lane)
{
  return (orc_track){ REQUESTS, 1U + (uint32_t)(lane - t->lanes.at) };
}

enum { NAME = 32 }; /* chars of the name of a request */

/* The whole of a request, around its phases. */
static void write_whole(orc_chrome_trace *t, const orc_lane *lane, orc_time end, const char *args)
{
  char name[NAME];
  if (!lane->shown) return;
  snprintf(name, sizeof name, "req_%" PRIu64, lane->number + 1);
  orc_event_file_slice(&t->file, track_of(t, lane), name, lane->arrival, end, args);
}

/* Its lane has a name, once anything of it is written. */
static void show(orc_chrome_trace *t, orc_lane *lane)
{
  char name[NAME];
  if (lane->shown) return;
  lane->shown = true;
  while (t->named_lanes <= (uint32_t)(lane - t->lanes.at)) {
    snprintf(name, sizeof name, "lane %" PRIu32, t->named_lanes++);
    orc_event_file_name(&t->file, (orc_track){ REQUESTS, t->named_lanes }, name);
  }
}

static void count_requests(orc_chrome_trace *t, orc_time time)
{
  char args[WORDS];
  bool same = true;
  for (int i = 0; i < ORC_LANE_PHASES; i++)
    same = same && t->shown[i] == t->in_phase[i];
  if (same || !wanted(t, time, time)) return;
  for (int i = 0; i < ORC_LANE_PHASES; i++)
    t->shown[i] = t->in_phase[i];
  snprintf(args, sizeof args,
           "\"queued\":%" PRId64 ",\"prefill\":%" PRId64 ",\"decode\":%" PRId64
           ",\"preempted\":%" PRId64,
           t->shown[0], t->shown[1], t->shown[2], t->shown[3]);
  orc_event_file_counter(&t->file, REQUESTS, "requests", time, args);
}

/* The phase before the present one is written: by now nothing can shorten it. */
static void write_previous(orc_chrome_trace *t, orc_lane *lane, orc_time now)
{
  if (lane->since > now) lane->since = now; /* it was told ahead, and came to an end before */
  if (lane->previous == ORC_LANE_PHASES || lane->since <= lane->before ||
      !wanted(t, lane->before, lane->since))
    return;
  show(t, lane);
  orc_event_file_slice(&t->file, track_of(t, lane), phases[lane->previous], lane->before,
                       lane->since, NULL);
}

static void begin_phase(orc_chrome_trace *t, orc_lane *lane, orc_lane_phase phase, orc_time now)
{
  lane->phase = (uint8_t)phase;
  lane->since = now;
  t->in_phase[phase]++;
}

/*
** From its phase into another. Where steps are foreseen a change is told before its time, and may be
** followed by one from before it: the phase that ends is kept until the next change.
*/
static void go_over(orc_chrome_trace *t, orc_lane *lane, orc_lane_phase phase, orc_time now)
{
  if (lane->phase == phase) return;
  write_previous(t, lane, now);
  lane->previous = lane->phase;
  lane->before = lane->since;
  t->in_phase[lane->phase]--;
  begin_phase(t, lane, phase, now);
  count_requests(t, now);
}

/* Its last phases are written. */
static void end_phases(orc_chrome_trace *t, orc_lane *lane, orc_time now)
{
  write_previous(t, lane, now);
  lane->previous = lane->phase;
  lane->before = lane->since;
  lane->since = now;
  t->in_phase[lane->phase]--;
  write_previous(t, lane, now);
}

/* The replica that had a request does not any more, or has one more. */
static void take(orc_chrome_trace *t, orc_lane *lane, uint16_t replica)
{
  if (lane->replica != ORC_NO_REPLICA) replica_of(t, lane->replica)->running--;
  if (replica != ORC_NO_REPLICA) replica_of(t, replica)->running++;
  lane->replica = replica;
}

static void admitted(orc_chrome_trace *t, orc_lane *lane, const orc_life_entry *e)
{
  take(t, lane, e->replica);
  if (lane->phase == ORC_LANE_DECODE) return; /* handed over by the replica that had its prompt */
  go_over(t, lane, lane->answered ? ORC_LANE_DECODE : ORC_LANE_PREFILL, e->time);
  if (!wanted(t, e->time, e->time)) return;
  show(t, lane);
  orc_event_file_flow(&t->file, track_of(t, lane), lane->pointed ? 't' : 's', lane->number + 1,
                      e->time);
  lane->pointed = true;
}

/* The arrow ends in the step that is over now, if that is known. */
static void end_flow(orc_chrome_trace *t, const orc_lane *lane, orc_time now)
{
  if (lane->replica == ORC_NO_REPLICA) return;
  const seen_replica *r = replica_of(t, lane->replica);
  if (r->stage_count == 0) return;
  const seen_stage *s = &r->stages[r->stage_count - 1];
  for (int i = 0; i < KEPT; i++)
    if (s->start[i] < now - 1 && s->end[i] == now) {
      const orc_track at = device(lane->replica, (uint16_t)(r->stage_count - 1), r->ranks, 0);
      orc_event_file_flow(&t->file, at, 'f', lane->number + 1, now - 1);
      return;
    }
}

static void ended(orc_chrome_trace *t, orc_lane *lane, const orc_life_entry *e)
{
  const uint16_t replica = lane->replica;
  char args[WORDS];
  end_phases(t, lane, e->time);
  if (e->detail == ORC_SUCCESS && lane->pointed && wanted(t, e->time, e->time))
    end_flow(t, lane, e->time);
  snprintf(args, sizeof args,
           "\"status\":\"%s\",\"prompt_tokens\":%d,\"output_tokens\":%d,\"preemptions\":%d",
           orc_status_name((orc_status)e->detail), lane->prompt, e->amount, e->of);
  write_whole(t, lane, e->time, args);
  take(t, lane, ORC_NO_REPLICA);
  orc_lanes_drop(&t->lanes, lane, e->time);
  count_requests(t, e->time);
  if (replica != ORC_NO_REPLICA && replica_of(t, replica)->running == 0)
    count_replica(t, replica, e->time, 0, 0, 0);
}

static void arrived(orc_chrome_trace *t, const orc_life_entry *e)
{
  orc_lane *lane = orc_lanes_add(&t->lanes, e->number, e->time);
  lane->previous = ORC_LANE_PHASES;
  lane->prompt = e->amount;
  lane->replica = ORC_NO_REPLICA;
  begin_phase(t, lane, ORC_LANE_QUEUED, e->time);
  count_requests(t, e->time);
}

static void on_change(void *self, const orc_life_entry *e)
{
  orc_chrome_trace *t = self;
  if (e->what == ORC_CHANGE_ARRIVED) {
    arrived(t, e);
    return;
  }
  orc_lane *lane = orc_lanes_find(&t->lanes, e->number);
  if (lane == NULL) return;
  switch ((orc_change)e->what) {
  case ORC_CHANGE_ADMITTED:
    admitted(t, lane, e);
    break;
  case ORC_CHANGE_TOKEN:
    lane->answered = true;
    go_over(t, lane, ORC_LANE_DECODE, e->time);
    break;
  case ORC_CHANGE_PREEMPTED:
    go_over(t, lane, ORC_LANE_PREEMPTED, e->time);
    break;
  case ORC_CHANGE_LOST:
    take(t, lane, ORC_NO_REPLICA);
    go_over(t, lane, ORC_LANE_QUEUED, e->time);
    break;
  case ORC_CHANGE_ENDED:
    ended(t, lane, e);
    break;
  case ORC_CHANGE_ARRIVED:
  case ORC_CHANGE_COMPUTED:
  case ORC_CHANGES:
    break;
  }
}

/* Who is in a step: first those whose prompts it computes, to which arrows go. */
static void on_part(void *self, const orc_step_part *p)
{
  orc_chrome_trace *t = self;
  if (t->prompts-- <= 0 || t->entered < 0 || t->cut >= 0) return;
  const orc_lane *lane = orc_lanes_find(&t->lanes, p->number);
  if (lane == NULL || !lane->pointed) return;
  const orc_track at = device(t->stepping, 0, replica_of(t, t->stepping)->ranks, 0);
  orc_event_file_flow(&t->file, at, 't', p->number + 1, t->entered);
}

orc_log orc_chrome_trace_log(orc_chrome_trace *t)
{
  return (orc_log){
    .self = t, .step = on_step, .stage = on_stage, .part = on_part, .change = on_change
  };
}

/* ---- the end ---- */

void orc_chrome_trace_instant(orc_chrome_trace *t, orc_time time, uint16_t replica,
                              const char *name)
{
  replica_of(t, replica);
  if (wanted(t, time, time))
    orc_event_file_instant(&t->file, (orc_track){ FIRST_REPLICA + replica, 0 }, name, time);
}

bool orc_chrome_trace_close(orc_chrome_trace *t, orc_time end, orc_chrome_trace_outcome *outcome,
                            orc_error *e)
{
  for (uint32_t i = 0; i < t->lanes.room; i++) {
    orc_lane *lane = &t->lanes.at[i];
    if (!lane->taken) continue;
    const orc_time until = end > lane->since ? end : lane->since;
    end_phases(t, lane, until);
    write_whole(t, lane, until, "\"status\":\"PENDING\"");
  }
  *outcome = (orc_chrome_trace_outcome){ .events = t->file.count, .cut = t->cut };
  const bool good =
      orc_event_file_close(&t->file, t->cut < 0 ? NULL : "\"cut\":\"too many events\"", e);
  for (uint32_t i = 0; i < t->replica_room; i++)
    free(t->replicas[i].steps);
  for (uint32_t i = 0; i < t->replica_room; i++)
    free(t->replicas[i].stages);
  free(t->replicas);
  orc_lanes_done(&t->lanes);
  free(t);
  return good;
}
