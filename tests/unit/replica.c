/* replica.c - steps worked out by hand, under a cost model of 10 ms per step. */
#include "cluster/cluster.h"

#include <string.h>

#include "cases.h"
#include "test.h"

enum { MS = 1000000 };

/* Arrivals given one by one. */
typedef struct script {
  const orc_arrival *at;
  int count, next;
} script;

static bool next(void *self, orc_arrival *out, orc_error *e)
{
  script *s = self;
  (void)e;
  if (s->next == s->count) return false;
  *out = s->at[s->next++];
  return true;
}

static orc_arrival ask(orc_time time, int32_t prompt, int32_t output)
{
  return (orc_arrival){ .time = time,
                        .prompt = prompt,
                        .output = output,
                        .max_output = output,
                        .timeout = ORC_NEVER,
                        .cancel = ORC_NEVER };
}

/* Run the arrivals on one replica to the end. */
static orc_cluster *serve(script *s, orc_engine_knobs knobs)
{
  orc_error e = { 0 };
  orc_cost_params p;
  orc_step_cost cost;
  orc_cost_params_default(&p);
  p.kind = ORC_COST_CONSTANT;
  p.constant_step = 0.010;
  if (!orc_step_cost_init(&cost, &llama2_7b, &a100, &one_gpu, &p, &e))
    orc_panic(e.msg, __FILE__, __LINE__);
  orc_source source = { .self = s, .next = next };
  const orc_pool_config pool = { .kind = { .knobs = knobs, .cost = &cost }, .replicas = 1 };
  orc_cluster *c =
      orc_cluster_new(&(orc_cluster_config){ .pools = &pool,
                                             .pool_count = 1,
                                             .batching = orc_batching_chunked,
                                             .sources = &source,
                                             .source_count = 1,
                                             .profile_count = 1,
                                             .runs = true,
                                             .slo = { ORC_NEVER, ORC_NEVER, ORC_NEVER } });
  CHECK(orc_cluster_run(c, ORC_NEVER, &e));
  return c;
}

static const orc_engine_knobs roomy = { .max_num_seqs = 8,
                                        .max_num_batched_tokens = 16,
                                        .max_model_len = 100,
                                        .block_size = 4,
                                        .num_gpu_blocks = 100,
                                        .enable_chunked_prefill = true };

/*
** Budget 16, two prompts of 10, three tokens each:
**   step 1 (0-10 ms)   10 of A, 6 of B       A's 1st token at 10
**   step 2 (10-20)     A decodes, 4 of B     A's 2nd, B's 1st at 20
**   step 3 (20-30)     both decode           A ends at 30
**   step 4 (30-40)     B                     B ends at 40
*/
static void chunks_share_steps_with_decodes(void)
{
  const orc_arrival two[] = { ask(0, 10, 3), ask(0, 10, 3) };
  script s = { two, 2, 0 };
  orc_cluster *c = serve(&s, roomy);
  const orc_replica *r = &c->replicas[0];
  orc_metrics *m = &r->observed->metrics[0];
  CHECK(r->usage.steps == 4 && r->usage.busy == 40 * MS);
  CHECK(m->ttft.min == 10 * MS && m->ttft.max == 20 * MS);
  CHECK(m->e2e.min == 30 * MS && m->e2e.max == 40 * MS);
  CHECK(m->tpot.min == 10 * MS && m->tpot.max == 10 * MS);
  CHECK(r->observed->gaps.count == 4 && r->observed->gaps.sum == 40 * MS);
  CHECK(m->queue.max == 0 && m->output_tokens == 6 && m->prompt_tokens == 20);
  orc_cluster_free(c);
}

/*
** Four blocks of four, two requests of 6 + 6 tokens. Both prompts fit (2 blocks each); the 9th
** token of each needs a third block:
**   step 1     both prompts             A 1, B 1
**   step 2, 3  both decode              A 3, B 3 (8 tokens of KV each)
**   step 4     A needs a block: B, admitted last, gives way
**   step 4-6   A alone                  A ends at 60 ms
**   step 7     B computes 6 + 2 again, and its next decode with them: B 4 at 70
**   step 8, 9  B                        B ends at 90
*/
static void the_last_admitted_gives_way(void)
{
  const orc_arrival two[] = { ask(0, 6, 6), ask(0, 6, 6) };
  script s = { two, 2, 0 };
  orc_engine_knobs tight = roomy;
  tight.num_gpu_blocks = 4;
  orc_cluster *c = serve(&s, tight);
  const orc_replica *r = &c->replicas[0];
  CHECK(r->observed->metrics[0].e2e.min == 60 * MS && r->observed->metrics[0].e2e.max == 90 * MS);
  CHECK(r->usage.preemptions == 1 && r->usage.recomputed_tokens == 8 && r->usage.steps == 9);
  CHECK(r->observed->metrics[0].prefilled_tokens == 6 + 6 + 8);
  /* B's gap over its preemption: from 30 to 70 ms */
  CHECK(r->observed->gaps.max == 40 * MS && r->usage.peak_blocks == 4);
  orc_cluster_free(c);
}

/* 17 tokens in a cache of 16; 101 tokens where 100 are allowed: rejected as they come. */
static void what_can_never_fit_is_rejected(void)
{
  const orc_arrival three[] = { ask(0, 9, 8), ask(5, 95, 6), ask(7, 8, 8) };
  script s = { three, 3, 0 };
  orc_engine_knobs tight = roomy;
  tight.num_gpu_blocks = 4;
  orc_cluster *c = serve(&s, tight);
  const orc_metrics *m = &c->replicas[0].observed->metrics[0];
  CHECK(m->by_status[ORC_REJECTED] == 2 && m->by_status[ORC_SUCCESS] == 1);
  orc_cluster_free(c);
}

/* The client hangs up after 25 ms: the step until 30 is its last, its blocks are free for the
 * other. */
static void a_time_out_ends_with_the_step(void)
{
  orc_arrival two[] = { ask(0, 4, 50), ask(1 * MS, 4, 2) };
  two[0].timeout = 25 * MS;
  script s = { two, 2, 0 };
  orc_engine_knobs one = roomy;
  one.max_num_seqs = 1;
  orc_cluster *c = serve(&s, one);
  const orc_metrics *m = &c->replicas[0].observed->metrics[0];
  CHECK(m->by_status[ORC_TIMEOUT] == 1 && m->by_status[ORC_SUCCESS] == 1);
  CHECK(m->e2e.count == 1 && m->e2e.max == 49 * MS); /* waits to 30, two steps */
  CHECK(c->replicas[0].kv.free == c->replicas[0].kv.total);
  orc_cluster_free(c);
}

/* One that waits is cancelled at once: it takes no step at all. */
static void a_cancelled_request_leaves_the_queue(void)
{
  orc_arrival two[] = { ask(0, 4, 10), ask(0, 4, 10) };
  two[1].cancel = 15 * MS;
  script s = { two, 2, 0 };
  orc_engine_knobs one = roomy;
  one.max_num_seqs = 1;
  orc_cluster *c = serve(&s, one);
  const orc_replica *r = &c->replicas[0];
  CHECK(r->observed->metrics[0].by_status[ORC_CANCELLED] == 1 && r->usage.steps == 10);
  CHECK(r->observed->metrics[0].prompt_tokens == 4 && r->observed->metrics[0].queue.count == 1);
  orc_cluster_free(c);
}

int main(void)
{
  RUN(chunks_share_steps_with_decodes);
  RUN(the_last_admitted_gives_way);
  RUN(what_can_never_fit_is_rejected);
  RUN(a_time_out_ends_with_the_step);
  RUN(a_cancelled_request_leaves_the_queue);
  return DONE();
}
