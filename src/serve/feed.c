#include "serve/feed.h"

#include <stdlib.h>

#include "cluster/admission.h"
#include "cluster/control.h"

enum { NOWHERE = UINT32_MAX }; /* a request that no replica serves is in no list */

/* Tokens that came together. */
typedef struct batch {
  orc_time due;
  int32_t first, count;
} batch;

typedef struct fed {
  void *owner; /* NULL: its client is gone */
  int place;
  orc_slot slot;              /* in the cluster; ORC_NO_SLOT: it is on its way there */
  orc_time cancel;            /* when its client went, before it was there; ORC_NEVER */
  uint32_t replica;           /* in whose list it is; NOWHERE */
  orc_feed_id next, previous; /* in that list, or `next` of the free ones */
  int32_t seen;               /* tokens known of */
  orc_time first, last;       /* when the first and the newest of them came, in the simulation */
  orc_time due;               /* of the newest */
  batch *waiting;             /* [room] tokens that are not due, from `at` on, in a ring */
  uint32_t at, count, room;
  bool over; /* the simulation is done with it: */
  orc_feed_end end;
  bool live;
} fed;

struct orc_feed {
  orc_prompts prompts;
  orc_cluster *cluster;
  orc_feed_client client;
  orc_token_listener listener;
  uint32_t source;
  uint16_t profile;
  orc_time timeout;
  orc_time latest; /* arrival of the newest */
  fed *at;         /* [room]; 0 is not used */
  uint32_t count, room, live;
  orc_feed_id free;
  orc_feed_id *lists; /* [replicas] the first of those it has admitted */
  orc_ladder due;     /* subject: a request, at the time of the first that waits of it */
};

/* ---- requests ---- */

static orc_feed_id take(orc_feed *f)
{
  orc_feed_id id = f->free;
  if (id != 0) {
    f->free = f->at[id].next;
  } else {
    if (f->count == 0) f->count = 1;
    if (f->count >= f->room) {
      f->room = orc_more_room(f->room, 256);
      f->at = orc_resize(f->at, f->room, sizeof *f->at);
    }
    id = f->count++;
    f->at[id] = (fed){ 0 };
  }
  fed *r = &f->at[id];
  *r = (fed){ .waiting = r->waiting,
              .room = r->room,
              .replica = NOWHERE,
              .slot = ORC_NO_SLOT,
              .cancel = ORC_NEVER,
              .live = true };
  f->live++;
  return id;
}

static void leave_list(orc_feed *f, orc_feed_id id)
{
  fed *r = &f->at[id];
  if (r->replica == NOWHERE) return;
  if (r->previous != 0)
    f->at[r->previous].next = r->next;
  else
    f->lists[r->replica] = r->next;
  if (r->next != 0) f->at[r->next].previous = r->previous;
  r->replica = NOWHERE;
  r->next = r->previous = 0;
}

static void enter_list(orc_feed *f, orc_feed_id id, uint32_t replica)
{
  fed *r = &f->at[id];
  leave_list(f, id);
  r->replica = replica;
  r->next = f->lists[replica];
  if (r->next != 0) f->at[r->next].previous = id;
  f->lists[replica] = id;
}

static void give_back(orc_feed *f, orc_feed_id id)
{
  f->at[id].live = false;
  f->at[id].next = f->free;
  f->free = id;
  f->live--;
}

/* ---- tokens ---- */

static void wait_for(orc_feed *f, orc_feed_id id, orc_time due)
{
  orc_ladder_push(&f->due, (orc_event){ .time = due, .order = id, .subject = id });
}

/* Where more is told of one than is due, and where all is that ever will be. */
static orc_time next_of(const fed *r)
{
  if (r->count > 0) return r->waiting[r->at].due;
  return r->over ? r->end.ended : ORC_NEVER;
}

static void queue(orc_feed *f, orc_feed_id id, const batch *b)
{
  fed *r = &f->at[id];
  const bool idle = next_of(r) == ORC_NEVER;
  if (r->count == r->room) {
    const uint32_t room = orc_more_room(r->room, 4);
    batch *at = orc_alloc(room, sizeof *at);
    for (uint32_t i = 0; i < r->count; i++)
      at[i] = r->waiting[(r->at + i) % r->room];
    free(r->waiting);
    r->waiting = at;
    r->room = room;
    r->at = 0;
  }
  r->waiting[(r->at + r->count++) % r->room] = *b;
  if (idle) wait_for(f, id, b->due);
}

/* s between tokens of a request that has its first: those there were on its replica; before there were a few,
** as the price of a decode step has it. */
static double gap_ahead(const orc_feed *f, const fed *r)
{
  enum { FEW = 16 };
  if (r->replica == NOWHERE) return 0.0;
  const orc_replica *on = &f->cluster->replicas[r->replica];
  if (on->observed->gaps.count >= FEW || on->cost->own != NULL)
    return orc_hist_mean(&on->observed->gaps) * 1e-9;
  const orc_request *q = &f->cluster->requests.at[r->slot];
  const orc_decode_set *d = &on->microbatches[q->microbatch].decode;
  const int64_t context = d->context + q->in.prompt + 1;
  const orc_decode_cost cost = orc_step_prepare_decode_at(on->cost, d->n + 1, context);
  return orc_step_decode(&cost, context, context);
}

/*
** What a client waits for a token that is there: as many steps as the scenario says, each as long as
** those of its request so far. Of a whole answer the cluster takes all of its steps (cluster/ledger.c),
** which the end is told by.
*/
static orc_time delay_of(const orc_feed *f, const fed *r, orc_time at, int32_t tokens)
{
  const orc_cluster *c = f->cluster;
  if (c->stream_interval == 0.0) return 0;
  const double gap = tokens > 1 ? (double)(at - r->first) * 1e-9 / (tokens - 1) : gap_ahead(f, r);
  return orc_time_of(c->stream_interval * gap);
}

/* It has `tokens` of its answer at `at`. */
static void has(orc_feed *f, orc_feed_id id, int32_t tokens, orc_time at)
{
  fed *r = &f->at[id];
  if (tokens <= r->seen) return;
  if (r->seen == 0)
    r->first = at;
  else
    f->client.gap(f->client.self, at - r->last);
  orc_time due = orc_time_after(at, delay_of(f, r, at, tokens));
  if (due < r->due) due = r->due;
  const batch b = { .due = due, .first = r->seen, .count = tokens - r->seen };
  r->seen = tokens;
  r->last = at;
  r->due = due;
  if (r->owner != NULL) queue(f, id, &b);
}

/* The request of the feed that one of the cluster is; 0: it is another source's. */
static orc_feed_id own(const orc_feed *f, const orc_request *q)
{
  return q->in.source == f->source ? q->in.tag : 0;
}

static void arrived(void *self, orc_request *q, orc_slot slot)
{
  orc_feed *f = self;
  const orc_feed_id id = own(f, q);
  if (id == 0) return;
  fed *r = &f->at[id];
  r->slot = slot;
  if (r->cancel != ORC_NEVER) q->in.cancel = r->cancel > q->in.time ? r->cancel - q->in.time : 0;
}

static void admitted(void *self, const orc_request *q)
{
  orc_feed *f = self;
  const orc_feed_id id = own(f, q);
  if (id != 0 && f->at[id].replica != q->replica) enter_list(f, id, q->replica);
}

static void token(void *self, const orc_request *q, orc_time at)
{
  orc_feed *f = self;
  const orc_feed_id id = own(f, q);
  if (q->first_token == at) f->client.first(f->client.self, q, at);
  if (id != 0) has(f, id, q->generated < q->in.output ? q->generated : q->in.output, at);
}

static void decoded(void *self, uint16_t replica, int microbatch, orc_time at)
{
  orc_feed *f = self;
  const orc_decode_set *d = &f->cluster->replicas[replica].microbatches[microbatch].decode;
  for (orc_feed_id id = f->lists[replica], next; id != 0; id = next) {
    next = f->at[id].next;
    const orc_request *q = &f->cluster->requests.at[f->at[id].slot];
    if (q->state != ORC_DECODE || q->microbatch != microbatch) continue;
    const int32_t tokens = orc_decode_set_generated(d, q);
    has(f, id, tokens < q->in.output ? tokens : q->in.output, at);
  }
}

static void ended(void *self, const orc_record *record)
{
  const orc_feed *f = self;
  f->client.ended_any(f->client.self, record);
}

/* ---- the source ---- */

static bool none(void *self, orc_arrival *out, orc_error *e)
{
  (void)self;
  (void)out;
  (void)e;
  return false;
}

/* The end of a request: no other ever follows from here. */
static bool hear(void *self, const orc_outcome *of, orc_arrival *out, orc_error *e)
{
  orc_feed *f = self;
  const orc_feed_id id = of->in->tag;
  fed *r = &f->at[id];
  (void)out;
  (void)e;
  if (f->client.outcome != NULL) f->client.outcome(f->client.self, of);
  leave_list(f, id);
  const bool idle = next_of(r) == ORC_NEVER;
  r->over = true;
  r->end = (orc_feed_end){ .status = of->status,
                           .arrival = of->in->time,
                           .first_token = of->first_token,
                           .ended = of->ended,
                           .prompt = of->in->prompt,
                           .generated = of->generated,
                           .cached = of->cached,
                           .replica = of->replica };
  if (r->owner == NULL) {
    give_back(f, id);
  } else if (idle) {
    wait_for(f, id, of->ended);
  }
  return false;
}

static void done(void *self)
{
  orc_feed *f = self;
  for (uint32_t i = 1; i < f->count; i++)
    free(f->at[i].waiting);
  free(f->at);
  free(f->lists);
  orc_ladder_done(&f->due);
  orc_prompts_done(&f->prompts);
  free(f);
}

orc_source orc_feed_source(uint16_t profile, orc_time timeout)
{
  orc_feed *f = orc_alloc(1, sizeof *f);
  f->profile = profile;
  f->timeout = timeout;
  return (orc_source){
    .self = f, .next = none, .follow = hear, .done = done, .open = true, .prompts = &f->prompts
  };
}

orc_feed *orc_feed_of(const orc_source *s)
{
  ORC_ASSERT(s->done == done);
  return s->self;
}

void orc_feed_attach(orc_feed *f, orc_cluster *c, uint32_t index, const orc_feed_client *client)
{
  f->cluster = c;
  f->source = index;
  f->client = *client;
  f->lists = orc_alloc((size_t)c->replica_count, sizeof *f->lists);
  f->listener = (orc_token_listener){ .self = f,
                                      .arrived = arrived,
                                      .admitted = admitted,
                                      .token = token,
                                      .decoded = decoded,
                                      .ended = ended };
  c->host.tokens = &f->listener;
}

void orc_feed_detach(orc_feed *f)
{
  f->cluster->host.tokens = NULL;
}

orc_prompts *orc_feed_prompts(orc_feed *f)
{
  return &f->prompts;
}

orc_feed_id orc_feed_send(orc_feed *f, const orc_arrival *a, void *owner, int place)
{
  const orc_feed_id id = take(f);
  orc_arrival in = *a;
  if (in.time < f->cluster->engine.now) in.time = f->cluster->engine.now;
  if (in.time <= f->latest) in.time = f->latest + 1;
  in.profile = f->profile;
  in.timeout = f->timeout;
  in.cancel = ORC_NEVER;
  in.tag = id;
  f->at[id].owner = owner;
  f->at[id].place = place;
  f->latest = in.time;
  if (orc_control_send(f->cluster, f->source, &in)) return id;
  give_back(f, id);
  return 0;
}

void orc_feed_cancel(orc_feed *f, orc_feed_id id, orc_time now)
{
  fed *r = &f->at[id];
  if (id == 0 || !r->live || r->owner == NULL) return;
  r->owner = NULL;
  r->count = 0;
  if (r->over) {
    give_back(f, id);
  } else if (r->slot == ORC_NO_SLOT) {
    r->cancel = now + 1;
  } else {
    orc_admission_cancel(f->cluster, r->slot, now + 1);
  }
}

/* ---- out ---- */

orc_time orc_feed_next(const orc_feed *f)
{
  return orc_ladder_time(&f->due);
}

uint32_t orc_feed_live(const orc_feed *f)
{
  return f->live;
}

/* The first that waits of a request is due. */
static void tell(orc_feed *f, orc_feed_id id)
{
  fed *r = &f->at[id];
  const int place = r->place;
  void *owner = r->owner;
  if (r->count > 0) {
    const batch b = r->waiting[r->at];
    r->at = (r->at + 1) % r->room;
    r->count--;
    const orc_time next = next_of(r);
    if (next != ORC_NEVER) wait_for(f, id, next > b.due ? next : b.due);
    f->client.tokens(f->client.self, owner, place, b.first, b.count, b.due);
    return;
  }
  const orc_feed_end end = r->end;
  give_back(f, id);
  f->client.ended(f->client.self, owner, place, &end);
}

void orc_feed_deliver(orc_feed *f, orc_time now)
{
  while (orc_feed_next(f) <= now) {
    const orc_event due = orc_ladder_pop(&f->due);
    const fed *r = &f->at[due.subject];
    /* What it stood for may be gone, and another have come under its id. */
    if (r->live && r->owner != NULL && next_of(r) <= due.time) tell(f, due.subject);
  }
}

bool orc_feed_arrived(const orc_feed *f, orc_feed_id id)
{
  return f->at[id].slot != ORC_NO_SLOT;
}
