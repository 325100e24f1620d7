/* ask.c - any bytes as the body of a request: it is read, or turned down with a status and words. The first byte says what
** is asked for. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "serve/ask.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CHOICES = 128 };

static void check(const orc_ask *a, bool good, const orc_refusal *why)
{
  ORC_ASSERT(good == (why->status == 0));
  ORC_ASSERT(good || (why->status >= 400 && why->message.length > 0));
  for (int i = 0; good && i < a->prompt_count; i++)
    ORC_ASSERT(a->prompts[i].count >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  if (size == 0) return 0;
  orc_ask a = { 0 };
  orc_refusal why = { 0 };
  const size_t length = size - 1;
  char *body = malloc(length + 1); /* of its exact size, as a connection has it */
  memcpy(body, data + 1, length);
  body[length] = '\0';
  bool good;
  switch (data[0] % 4) {
  case 0:
    good = orc_ask_tokenize(&a, body, length, &why);
    break;
  case 1:
    good = orc_ask_detokenize(&a, body, length, &why);
    break;
  default:
    good = orc_ask_read(&a, body, length, data[0] % 4 == 2, CHOICES, &why);
    ORC_ASSERT(!good || (a.n >= 1 && a.n * a.prompt_count <= CHOICES && a.prompts[0].count >= 1));
  }
  check(&a, good, &why);
  orc_ask_done(&a);
  orc_refusal_done(&why);
  free(body);
  return 0;
}
