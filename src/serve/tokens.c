#include "serve/tokens.h"

#include <stdlib.h>
#include <string.h>

/* Kinds of texts (orc_prompt_text). */
enum { CONTENT = 41, KEY = 42, REST = 43, ROLE = 44, WORD = 45 };

void orc_tokens_done(orc_tokens *t)
{
  free(t->at);
  *t = (orc_tokens){ 0 };
}

void orc_tokens_add(orc_tokens *t, uint32_t id)
{
  if (t->count == t->room) {
    t->room = t->room == 0 ? 256 : 2 * t->room;
    t->at = orc_resize(t->at, (size_t)t->room, sizeof *t->at);
  }
  t->at[t->count++] = id;
}

void orc_tokens_text(orc_tokens *t, const char *bytes, size_t length)
{
  for (size_t i = 0; i < length; i += ORC_TOKEN_BYTES) {
    uint32_t id = 0;
    for (size_t k = 0; k < ORC_TOKEN_BYTES && i + k < length; k++)
      id |= (uint32_t)(unsigned char)bytes[i + k] << 8 * k;
    orc_tokens_add(t, id);
  }
}

/* Ids that no text has: their first byte is 0. */
static uint32_t role_token(const char *role, uint32_t place)
{
  uint64_t name = 0;
  for (const char *c = role; *c != '\0'; c++)
    name = orc_prompt_text(ROLE, name, (unsigned char)*c);
  return (uint32_t)(name << 12) | place << 8;
}

void orc_tokens_message(orc_tokens *t, const char *role, const char *bytes, size_t length)
{
  for (uint32_t i = 0; i < ORC_TOKENS_REPLY; i++)
    orc_tokens_add(t, role_token(role, i));
  if (bytes == NULL) return;
  orc_tokens_text(t, bytes, length);
  orc_tokens_add(t, role_token("", ORC_TOKENS_REPLY));
}

void orc_tokens_spell(orc_text *into, uint32_t id)
{
  for (int k = 0; k < ORC_TOKEN_BYTES; k++) {
    const char c = (char)(id >> 8 * k & 0xff);
    if (c != '\0') orc_text_bytes(into, &c, 1);
  }
}

/* The next token of a list whose hash so far is `hash`. */
static uint64_t join(uint64_t hash, uint32_t id)
{
  return orc_prompt_text(CONTENT, hash, id);
}

uint64_t orc_tokens_key(const orc_tokens *t, uint64_t salt)
{
  uint64_t key = orc_prompt_text(KEY, salt, (uint64_t)t->count);
  for (int32_t i = 0; i < t->count; i++)
    key = join(key, t->at[i]);
  return key;
}

uint32_t orc_tokens_answer(uint64_t key, int32_t i)
{
  static const char words[][ORC_TOKEN_BYTES + 1] = {
    "the ", "and ", "for ", "you ", "not ", "are ", "but ", "all ", "any ", "can ", "had ",
    "her ", "was ", "one ", "our ", "out ", "day ", "get ", "has ", "him ", "his ", "how ",
    "man ", "new ", "now ", "old ", "see ", "two ", "way ", "who ", "its ", "may ",
  };
  const uint64_t pick = orc_prompt_text(WORD, key, (uint64_t)i) % (sizeof words / sizeof *words);
  uint32_t id = 0;
  for (int k = 0; k < ORC_TOKEN_BYTES; k++)
    id |= (uint32_t)(unsigned char)words[pick][k] << 8 * k;
  return id;
}

uint32_t orc_tokens_prompt(const orc_tokens *t, orc_prompts *p, uint64_t key, int32_t answered,
                           int32_t block, uint64_t salt)
{
  const uint32_t index = orc_prompts_add(p, orc_prompt_text(REST, key, salt));
  const int32_t count = t->count + answered;
  for (int32_t from = 0; from < count; from += block) {
    const int32_t to = count - from < block ? count : from + block;
    uint64_t text = from == 0 ? salt : 0;
    for (int32_t i = from; i < to; i++)
      text = join(text, i < t->count ? t->at[i] : orc_tokens_answer(key, i - t->count));
    orc_prompts_append(p, index, text, 0, to - from);
  }
  return index;
}
