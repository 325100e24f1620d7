/* config.c - any text as a configuration: read, checked, planned, mended; never raises. */
#include "lua_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char chunk[] =
    "local config, problems = require 'oracle.formats', require 'oracle.formats.problems'\n"
    "local fix = require 'oracle.formats.yaml.fix'\n"
    "return function(text)\n"
    "  local read = config.parse(text)\n"
    "  assert(read.scenario or #read.problems.errors > 0, 'neither valid nor wrong')\n"
    "  for _, e in ipairs(read.problems.errors) do assert(type(problems.text(e)) == 'string') end\n"
    "  if #read.problems.fixes > 0 then fix.apply(text, read) end\n"
    "end\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static lua_State *L;
  if (L == NULL) L = target_open(chunk);
  target_call(L, data, size);
  return 0;
}
