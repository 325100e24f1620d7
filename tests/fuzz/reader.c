/* reader.c - any text as what $FUZZ_READER reads (tests/fuzz/readers.lua): taken, or refused in one line. */
#include "lua_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char chunk[] =
    "package.path = home .. '/tests/fuzz/?.lua;' .. package.path\n"
    "local readers = require 'readers'\n"
    "return assert(readers[os.getenv 'FUZZ_READER'], 'FUZZ_READER: no such reader')\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static lua_State *L;
  if (L == NULL) L = target_open(chunk);
  target_call(L, data, size);
  return 0;
}
