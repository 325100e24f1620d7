/*
** bare.c - the limit the engine is measured against: continuous batching with chunked prefill and
** runs of decode steps as one plain loop over arrays. Each step is priced by the engine's own
** arithmetic, of which what depends on the number of sequences alone is kept, as in the engine; so
** it makes the same steps and ends at the same nanosecond. No events, no policy, no block
** accounting, no records, no distributions; the requests are read beforehand.
** Prints one line per workload: name, ms (best of several), steps, output tokens, requests, and the
** ns at which it ends.
*/
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cost/step.h"

enum { BUDGET = 8192, SEQS = 1024, RING = 1 << 18, ROUNDS = 7 };

typedef struct request {
  orc_time time;
  int32_t prompt, output;
} request;

typedef struct load {
  request *at;
  size_t count, room;
} load;

/* Sequences whose last token comes at the step a place of the ring stands for. */
typedef struct ending {
  int64_t n, context;
} ending;

typedef struct server {
  const orc_step_cost *cost;
  orc_decode_cost *prepared; /* [SEQS + 1], by sequences, made when first needed */
  ending *ring;              /* [RING], by step */
  int64_t n, context;        /* decoding */
  uint64_t step;
  orc_time now;
  size_t head;   /* the first request not admitted */
  int32_t begun; /* tokens of its prompt that are computed */
} server;

static double cpu(void)
{
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void leave(server *s)
{
  ending *e = &s->ring[s->step & (RING - 1)];
  s->n -= e->n;
  s->context -= e->context;
  *e = (ending){ 0 };
}

/* Decode steps until a sequence ends or `until` has come. */
static void decode(server *s, orc_time until)
{
  orc_decode_cost *p = &s->prepared[s->n];
  if (p->n != s->n) *p = orc_step_prepare_decode(s->cost, s->n);
  const orc_decode_cost cost = *p;
  do {
    s->now += orc_time_of(orc_step_decode(&cost, s->context, s->context));
    s->context += s->n;
    s->step++;
  } while (s->ring[s->step & (RING - 1)].n == 0 && s->now < until);
  leave(s);
}

static void join(server *s, const request *r)
{
  if (r->output == 1) return;
  ending *e = &s->ring[(s->step + (uint64_t)r->output - 1) & (RING - 1)];
  e->n++;
  e->context += r->prompt + r->output;
  s->n++;
  s->context += r->prompt + 1;
}

/* A step with prompts: all decodes, then what fits of those who wait. */
static void prefill(server *s, const load *l)
{
  orc_step_shape shape = {
    .decode_seqs = s->n, .decode_context = s->context, .decode_window = s->context, .sampled = s->n
  };
  const size_t first = s->head;
  int64_t left = BUDGET - s->n, room = SEQS - s->n;
  int32_t begun = s->begun;
  while (left > 0 && room > 0 && s->head < l->count && l->at[s->head].time <= s->now) {
    const int32_t rest = l->at[s->head].prompt - begun;
    const int32_t chunk = rest < left ? rest : (int32_t)left;
    orc_step_shape_add_chunk(&shape, &s->cost->model, chunk, begun, chunk == rest);
    left -= chunk;
    begun += chunk;
    if (chunk < rest) break;
    begun = 0;
    s->head++;
    room--;
  }
  s->now += orc_time_of(orc_step_evaluate(s->cost, &shape).total);
  s->context += s->n;
  s->step++;
  leave(s);
  for (size_t i = first; i < s->head; i++)
    join(s, &l->at[i]);
  s->begun = begun;
}

static uint64_t replay(server *s, const load *l)
{
  s->n = s->context = 0;
  s->step = 0;
  s->now = 0;
  s->head = 0;
  s->begun = 0;
  while (s->head < l->count || s->n > 0) {
    const orc_time next = s->head < l->count ? l->at[s->head].time : ORC_NEVER;
    if (next <= s->now && s->n < SEQS)
      prefill(s, l);
    else if (s->n == 0)
      s->now = next;
    else
      decode(s, s->n < SEQS ? next : ORC_NEVER);
  }
  return s->step;
}

static void measure(const char *name, const orc_step_cost *cost, const load *l)
{
  server s = { .cost = cost,
               .prepared = orc_alloc(SEQS + 1, sizeof *s.prepared),
               .ring = orc_alloc(RING, sizeof *s.ring) };
  double best = INFINITY;
  uint64_t steps = 0;
  int64_t tokens = 0;
  for (size_t i = 0; i < l->count; i++)
    tokens += l->at[i].output;
  for (int round = 0; round < ROUNDS; round++) {
    memset(s.prepared, 0, (SEQS + 1) * sizeof *s.prepared);
    const double start = cpu();
    steps = replay(&s, l);
    const double time = cpu() - start;
    if (time < best) best = time;
  }
  printf("%s %.3f %llu %lld %zu %lld\n", name, 1e3 * best, (unsigned long long)steps,
         (long long)tokens, l->count, (long long)s.now);
  free(s.prepared);
  free(s.ring);
}

static void put(load *l, const request *r)
{
  if (l->count == l->room) {
    l->room = l->room == 0 ? 1024 : 2 * l->room;
    l->at = orc_resize(l->at, l->room, sizeof *l->at);
  }
  l->at[l->count++] = *r;
}

/* The rows of AzurePublicDataset's LLM trace of 2023 (times within one day); false when not there.
 */
static bool read_trace(load *l, const char *path)
{
  FILE *f = fopen(path, "r");
  char line[256];
  double first = -1.0;
  if (f == NULL) return false;
  while (fgets(line, sizeof line, f) != NULL) {
    int hour, minute;
    double second;
    request r = { 0 };
    if (sscanf(line, "%*d-%*d-%*d %d:%d:%lf,%d,%d", &hour, &minute, &second, &r.prompt,
               &r.output) != 5)
      continue; /* the header */
    const double time = 3600.0 * hour + 60.0 * minute + second;
    if (first < 0.0) first = time;
    r.time = orc_time_of(time - first);
    put(l, &r);
  }
  fclose(f);
  return true;
}

/* Shapes: config.json of meta-llama/Llama-3.1-8B and -70B, Hugging Face, 2024-07. */
static const orc_model llama_8b = { .num_hidden_layers = 32,
                                    .hidden_size = 4096,
                                    .num_attention_heads = 32,
                                    .num_key_value_heads = 8,
                                    .head_dim = 128,
                                    .intermediate_size = 14336,
                                    .vocab_size = 128256,
                                    .max_position_embeddings = 131072,
                                    .gated_mlp = true,
                                    .norms_per_layer = 2 };

static orc_step_cost deployment(const orc_model *m, int tp)
{
  /* NVIDIA H100 architecture whitepaper v1.04 and data sheet (2023), as in models/hardware. */
  const orc_hardware h = { .flops = { [ORC_BF16] = 989.4e12 },
                           .memory = 81559.0 * (1 << 20),
                           .bandwidth = 3.35e12,
                           .nvlink = { 450e9, 1.9e-6 },
                           .pcie = { 63e9, 2.5e-6 } };
  const orc_layout l = { .tensor_parallel_size = tp,
                         .pipeline_parallel_size = 1,
                         .weights = ORC_BF16,
                         .activations = ORC_BF16,
                         .compute = ORC_BF16,
                         .kv = ORC_BF16 };
  orc_cost_params p;
  orc_step_cost c;
  orc_error e = { 0 };
  orc_cost_params_default(&p);
  if (!orc_step_cost_init(&c, m, &h, &l, &p, &e)) orc_panic(e.msg, __FILE__, __LINE__);
  return c;
}

int main(void)
{
  const char *store = getenv("ORACLE_DATA");
  char path[4096];
  snprintf(path, sizeof path, "%s/traces/azure-2023-conv.csv",
           store != NULL ? store : "../shared/data");
  load azure = { 0 }, constant = { 0 };
  const orc_step_cost small = deployment(&llama_8b, 1);
  if (read_trace(&azure, path))
    measure("azure", &small, &azure);
  else
    printf("# no azure: %s is not there\n", path);
  orc_model large = llama_8b;
  large.num_hidden_layers = 80;
  large.hidden_size = 8192;
  large.num_attention_heads = 64;
  large.intermediate_size = 28672;
  const orc_step_cost four = deployment(&large, 4);
  for (int i = 0; i < 9000; i++)
    put(&constant, &(request){ .time = orc_time_of(i / 7.5), .prompt = 512, .output = 248 });
  measure("constant", &four, &constant);
  free(azure.at);
  free(constant.at);
  return 0;
}
