#include "workload/prompt_mix.h"

#include <stdlib.h>

#include "base/rng.h"

void orc_prompt_mix_done(orc_prompt_mix *w)
{
  for (int i = 0; i < w->pattern_count; i++)
    free(w->patterns[i].parts);
  free(w->patterns);
  *w = (orc_prompt_mix){ 0 };
}

static const orc_prefix_pattern *draw_pattern(const orc_prompt_mix *w, orc_rng *g)
{
  double total = 0.0;
  for (int i = 0; i < w->pattern_count; i++)
    total += w->patterns[i].weight;
  double left = orc_rng_uniform(g) * total;
  int last = 0; /* rounding may leave a rest behind the last weight above zero */
  for (int i = 0; i < w->pattern_count; i++) {
    if (!(w->patterns[i].weight > 0.0)) continue;
    last = i;
    if (left < w->patterns[i].weight) break;
    left -= w->patterns[i].weight;
  }
  return &w->patterns[last];
}

static void begin(const orc_prompt_mix *w, orc_prompts *p, uint32_t content, uint64_t seed,
                  uint64_t key)
{
  if (w->pattern_count == 0) return;
  orc_rng g = orc_rng_stream(seed, ORC_FOR_PREFIXES, key);
  const orc_prefix_pattern *pattern = draw_pattern(w, &g);
  const uint64_t variant = orc_rng_below(&g, (uint64_t)pattern->variants);
  for (int i = 0; i < pattern->part_count; i++) {
    const orc_prefix_part *part = &pattern->parts[i];
    orc_prompts_append(p, content, orc_prompt_text(part->text, variant, 0), 0, part->tokens);
  }
  p->at[content].shared = orc_prompt_length(&p->at[content]);
}

uint32_t orc_prompt_mix_prompt(const orc_prompt_mix *w, orc_prompts *p, uint64_t seed,
                               const orc_prompt_texts *words, int32_t *tokens)
{
  if (!w->told) return 0;
  const uint32_t content = orc_prompts_add(p, words->answer);
  begin(w, p, content, seed, words->prefix);
  const int32_t prefix = p->at[content].shared;
  if (*tokens > prefix)
    orc_prompts_append(p, content, words->text, 0, *tokens - prefix);
  else
    *tokens = prefix;
  return content;
}
