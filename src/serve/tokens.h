/*
** tokens.h - the tokens of what clients send, and of what they are answered. There is no model, so
** there is no vocabulary: a token is four bytes of text (the last of a piece may be fewer), and its id
** is these bytes as a number, or the id that the client gave. Equal text has equal tokens, and what
** was answered has, when it is sent back as a message, the tokens that it had.
*/
#ifndef ORC_SERVE_TOKENS_H
#define ORC_SERVE_TOKENS_H

#include "base/base.h"
#include "serve/text.h"
#include "workload/prompt.h"

enum { ORC_TOKEN_BYTES = 4 };

/* All zeroes: none. */
typedef struct orc_tokens {
  uint32_t *at;
  int32_t count, room;
} orc_tokens;

void orc_tokens_done(orc_tokens *t);
void orc_tokens_add(orc_tokens *t, uint32_t id);

/* A piece of text: what follows it begins with a token of its own. */
void orc_tokens_text(orc_tokens *t, const char *bytes, size_t length);

/* A message as a chat template writes it: three tokens that say whose it is, the text, one that ends
** it. Text NULL: the beginning of the answer alone. */
enum { ORC_TOKENS_MESSAGE = 4, ORC_TOKENS_REPLY = 3 };
void orc_tokens_message(orc_tokens *t, const char *role, const char *bytes, size_t length);

/* The text of a token. */
void orc_tokens_spell(orc_text *into, uint32_t id);

/* What tells one list of tokens from another. */
uint64_t orc_tokens_key(const orc_tokens *t, uint64_t salt);

/* Token `i` >= 0 of the answer with this key: always the same, a word and a space. */
uint32_t orc_tokens_answer(uint64_t key, int32_t i);

/*
** What a prompt with these tokens and `answered` of its answer is made of: a text for every `block`
** tokens, known by their content. Returns its index in *p.
**   salt   prompts under different ones share nothing
*/
uint32_t orc_tokens_prompt(const orc_tokens *t, orc_prompts *p, uint64_t key, int32_t answered,
                           int32_t block, uint64_t salt);

#endif
