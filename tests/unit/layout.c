#include "cost/layout.h"

#include <string.h>

#include "cases.h"
#include "test.h"

static const double GiB = 1073741824.0;

static orc_layout over(int tp, int pp)
{
  orc_layout l = one_gpu;
  l.tensor_parallel_size = tp;
  l.pipeline_parallel_size = pp;
  return l;
}

static orc_layout in(orc_dtype weights)
{
  orc_layout l = one_gpu;
  l.weights = weights;
  return l;
}

/* One GPU in bf16 holds every parameter at 2 B; a tied LM head is not held twice. */
static void weights_on_one_gpu(void)
{
  CHECK(orc_layout_weight_bytes(&one_gpu, &llama2_7b) == 2.0 * 6738415616.0);
  CHECK(orc_layout_weight_bytes(&one_gpu, &gemma2_9b) == 2.0 * 9241705984.0);
  CHECK(orc_layout_weight_bytes(&one_gpu, &mixtral_8x7b) == 2.0 * 46702792704.0);
  CHECK(orc_layout_weight_bytes(&one_gpu, &gpt3_175b) == 2.0 * 174604259328.0);
  CHECK(orc_layout_weight_bytes(&one_gpu, &qwen25_7b) == 2.0 * 7615616512.0);
}

/* Llama-2-7B: matrices 32 x 202375168 = 6476005376; the rest, 262410240, stays at 2 B.
** fp8: 6476005376 + 524820480. int4: 6476005376 x 0.51953125 + 524820480. */
static void quantised_weights(void)
{
  const orc_layout fp8 = in(ORC_FP8), int4 = in(ORC_INT4);
  CHECK(orc_layout_weight_bytes(&fp8, &llama2_7b) == 6476005376.0 + 524820480.0);
  CHECK(orc_layout_weight_bytes(&int4, &llama2_7b) == 6476005376.0 * 0.51953125 + 524820480.0);
}

/* tp 2 halves matrices and tables; norms (65 x 4096 values) stay whole on both ranks. */
static void tensor_parallel_weights(void)
{
  const orc_layout two = over(2, 1);
  const double norms = 65.0 * 4096.0;
  CHECK(orc_layout_weight_bytes(&two, &llama2_7b) == 2.0 * ((6738415616.0 - norms) / 2.0 + norms));
}

/* 32 layers on 3 stages: 11, 11 and 10. The first holds 11 layers and the embedding, the last 10,
** the LM head and the final norm. */
static void pipeline_stages(void)
{
  const orc_layout three = over(1, 3);
  const int layers[] = { 11, 11, 10 }, first[] = { 0, 11, 22 };
  for (int i = 0; i < 3; i++) {
    const orc_stage s = orc_layout_stage(&three, &llama2_7b, i);
    CHECK(s.layers == layers[i] && s.first_layer == first[i]);
    CHECK(s.embedding == (i == 0) && s.lm_head == (i == 2));
  }
  CHECK(orc_layout_weight_bytes(&three, &llama2_7b) == 2.0 * (11.0 * 202383360.0 + 131072000.0));
  CHECK(
      orc_layout_stage_weight_bytes(&three, &llama2_7b, orc_layout_stage(&three, &llama2_7b, 2)) ==
      2.0 * (10.0 * 202383360.0 + 131072000.0 + 4096.0));
  CHECK(orc_layout_kv_bytes(&three, &llama2_7b) == 11.0 * 16384.0);
}

/* A tied matrix is needed on the first and on the last stage. */
static void tied_head_on_its_own_stage(void)
{
  const orc_layout two = over(1, 2);
  const orc_stage last = orc_layout_stage(&two, &gemma2_9b, 1);
  const double layer = orc_model_layer_parameters(&gemma2_9b) / 42.0;
  CHECK(orc_layout_stage_weight_bytes(&two, &gemma2_9b, last) ==
        2.0 * (21.0 * layer + 256000.0 * 3584.0 + 3584.0));
}

/* Llama-3-8B has 8 KV heads: 128 KiB per token, halved by tp 2, an eighth from tp 8 on. */
static void kv_heads_replicate(void)
{
  CHECK(orc_layout_kv_bytes(&one_gpu, &llama3_8b) == 131072.0);
  const orc_layout two = over(2, 1), eight = over(8, 1), sixteen = over(16, 1);
  CHECK(orc_layout_kv_bytes(&two, &llama3_8b) == 65536.0);
  CHECK(orc_layout_kv_bytes(&eight, &llama3_8b) == 16384.0);
  CHECK(orc_layout_kv_bytes(&sixteen, &llama3_8b) == 16384.0);
  CHECK(orc_layout_kv_bytes(&two, &deepseek_v2_lite) == 27.0 * 576.0 * 2.0);
}

/* Replicated heads take weights as well: 16 ranks hold 1/8 of K and V, 1/16 of the rest. */
static void kv_weights_replicate(void)
{
  const orc_layout sixteen = over(16, 1);
  const double kv = 32.0 * 4096.0 * 2048.0, norms = 65.0 * 4096.0;
  const double rest = 8030261248.0 - kv - norms;
  CHECK(orc_layout_weight_bytes(&sixteen, &llama3_8b) == 2.0 * (rest / 16.0 + kv / 8.0 + norms));
}

/* What vLLM's profiling run measures, GiB; layout.h names the sources. */
static void activations_meet_measurements(void)
{
  const struct {
    const orc_model *model;
    int tp, seqs;
    double measured;
  } runs[] = {
    { &llama3_8b, 1, 1024, 4.76 }, { &llama3_70b, 2, 1024, 4.84 }, { &qwen3_14b, 1, 1024, 5.64 },
    { &qwen3_32b, 1, 1024, 5.64 }, { &llama3_8b, 1, 256, 1.26 },   { &llama3_8b, 2, 256, 1.26 },
  };
  for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
    const orc_layout l = over(runs[i].tp, 1);
    const double peak =
        orc_layout_activation_bytes(&l, runs[i].model, 8192, runs[i].seqs, 36.0, false) -
        orc_layout_overhead_bytes(&l);
    NEAR(peak / GiB, runs[i].measured, 0.03);
  }
}

/* The KV pools that vLLM sized on an H100, GiB: at gpu_memory_utilization 0.9 and 0.95. */
static void kv_pools_meet_measurements(void)
{
  const struct {
    const orc_model *model;
    int tp;
    orc_dtype weights;
    double utilization, measured;
  } runs[] = {
    { &llama3_8b, 1, ORC_BF16, 0.9, 51.38 },
    { &llama3_70b, 2, ORC_FP8, 0.9, 32.0 },
    { &qwen3_14b, 1, ORC_BF16, 0.95, 41.94 },
  };
  for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
    orc_layout l = over(runs[i].tp, 1);
    l.weights = runs[i].weights;
    const double pool = runs[i].utilization * h100.memory -
                        orc_layout_weight_bytes(&l, runs[i].model) -
                        orc_layout_activation_bytes(&l, runs[i].model, 8192, 1024, 36.0, false);
    NEAR(pool / GiB, runs[i].measured, 0.01);
  }
}

/* With few sampled positions a layer is the peak. CodeLlama-7B, 8192 tokens, 1 position, values:
** 4 x 4096 + 2 x 11008 + 11008 a token. Mixtral: 4 x 4096 + 2 x (28672 + 14336). */
static void layers_peak_when_few_are_sampled(void)
{
  const double extra = orc_layout_overhead_bytes(&one_gpu);
  NEAR(orc_layout_activation_bytes(&one_gpu, &codellama_7b, 8192, 1, 36.0, false) - extra,
       8192.0 * 2.0 * (16384.0 + 33024.0), 1e-12);
  NEAR(orc_layout_activation_bytes(&one_gpu, &mixtral_8x7b, 8192, 1, 36.0, false) - extra,
       8192.0 * 2.0 * (16384.0 + 86016.0), 1e-12);
}

/* Mixtral's buffers, kept: 2 x (28672 + 14336) values a token beside attention's 4096 + 2 x 1024 + 4096,
** or beside the sampler. */
static void buffers_of_experts_may_be_kept(void)
{
  const double extra = orc_layout_overhead_bytes(&one_gpu), buffers = 8192.0 * 2.0 * 86016.0;
  NEAR(orc_layout_activation_bytes(&one_gpu, &mixtral_8x7b, 8192, 1, 12.0, true) - extra,
       buffers + 8192.0 * 2.0 * (16384.0 + 10240.0), 1e-12);
  NEAR(orc_layout_activation_bytes(&one_gpu, &mixtral_8x7b, 8192, 8192, 12.0, true) - extra,
       buffers + 8192.0 * (2.0 * 2.0 * 4096.0 + 32000.0 * 14.0), 1e-12);
}

/* Sampled positions cannot outnumber the tokens of the step. */
static void few_tokens_sample_few(void)
{
  CHECK(orc_layout_activation_bytes(&one_gpu, &llama3_8b, 256, 1024, 36.0, false) ==
        orc_layout_activation_bytes(&one_gpu, &llama3_8b, 256, 256, 36.0, false));
}

static bool refused(orc_layout l, const orc_model *m, const char *because)
{
  orc_error e = { .code = 0 };
  return !orc_layout_check(&l, m, &e) && strstr(e.msg, because) != NULL;
}

static void wrong_layouts_are_named(void)
{
  orc_error e = { .code = 0 };
  const orc_layout eight = over(8, 4);
  CHECK(orc_layout_check(&one_gpu, &llama2_7b, &e) && orc_layout_check(&eight, &llama3_8b, &e));
  CHECK(refused(over(0, 1), &llama2_7b, "tensor_parallel_size = 0"));
  CHECK(refused(over(1, 33), &llama2_7b, "32 layers"));
  CHECK(refused(over(3, 1), &llama2_7b, "tensor_parallel_size = 3"));
  CHECK(refused(over(8, 1), &qwen25_7b, "num_attention_heads = 28"));
  CHECK(refused(over(5, 1), &qwen25_32b, "vocabulary of 152064"));
  orc_model six = llama3_8b;
  six.num_attention_heads = 24;
  six.num_key_value_heads = 6;
  CHECK(refused(over(4, 1), &six, "num_key_value_heads = 6"));
  orc_layout l = one_gpu;
  l.kv = ORC_FP4;
  CHECK(refused(l, &llama2_7b, "kv = fp4"));
  l.kv = ORC_INT4; /* 2 x 32 heads x 128 values of half a byte, 32 layers */
  CHECK(orc_layout_check(&l, &llama2_7b, &e) && orc_layout_kv_bytes(&l, &llama2_7b) == 131072.0);
  l = one_gpu;
  l.activations = ORC_FP8;
  CHECK(refused(l, &llama2_7b, "activations = fp8"));
  l = one_gpu;
  l.weights = (orc_dtype)ORC_DTYPES;
  CHECK(refused(l, &llama2_7b, "a format that does not exist"));
  l = one_gpu;
  l.data_parallel_size = -1;
  CHECK(refused(l, &llama2_7b, "data_parallel_size = -1"));
  l = one_gpu;
  l.expert_parallel = true;
  CHECK(refused(l, &llama2_7b, "the model has no experts"));
  l = over(2, 1);
  l.expert_parallel = true;
  l.data_parallel_size = 3;
  CHECK(refused(l, &mixtral_8x7b, "6 ranks (tensor_parallel_size 2 x data_parallel_size 3)"));
  l = over(1, 2);
  l.layers[0] = 20;
  l.layers[1] = 11;
  CHECK(refused(l, &llama2_7b, "2 stages of 31 layers"));
  l.layers[1] = 12;
  CHECK(orc_layout_check(&l, &llama2_7b, &e));
}

static void wrong_contexts_are_named(void)
{
  orc_error e = { .code = 0 };
  orc_layout l = one_gpu;
  l.kv_interleave = -1;
  CHECK(refused(l, &llama2_7b, "a negative size"));
  l = over(8, 1);
  l.decode_context_parallel_size = 3;
  CHECK(refused(l, &llama3_8b, "decode_context_parallel_size = 3 does not divide"));
  l.decode_context_parallel_size = 2; /* each of 8 ranks has one of 8 heads: none has the same */
  CHECK(refused(l, &llama3_8b, "a divisor of 1 expected"));
  l = over(16, 1);
  l.decode_context_parallel_size = 2;
  CHECK(orc_layout_check(&l, &llama3_8b, &e));
  l.decode_context_parallel_size = 16; /* a latent is whole on each */
  CHECK(orc_layout_check(&l, &deepseek_v2_lite, &e));
  l = over(2, 1);
  l.decode_context_parallel_size = 2;
  CHECK(refused(l, &gemma2_9b, "21 have a window and 0 a state"));
}

int main(void)
{
  RUN(weights_on_one_gpu);
  RUN(quantised_weights);
  RUN(tensor_parallel_weights);
  RUN(pipeline_stages);
  RUN(tied_head_on_its_own_stage);
  RUN(kv_heads_replicate);
  RUN(kv_weights_replicate);
  RUN(activations_meet_measurements);
  RUN(kv_pools_meet_measurements);
  RUN(layers_peak_when_few_are_sampled);
  RUN(buffers_of_experts_may_be_kept);
  RUN(few_tokens_sample_few);
  RUN(wrong_layouts_are_named);
  RUN(wrong_contexts_are_named);
  return DONE();
}
