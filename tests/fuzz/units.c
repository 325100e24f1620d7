/* units.c - any text as a quantity of any dimension: a finite number or a message, never an error.
 */
#include "lua_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char chunk[] = "local units = require 'oracle.text.units'\n"
                            "local all = { 'time', 'bytes', 'bytes/s', 'req/s', 'tok/s', 'tokens', "
                            "'requests', 'flop/s', 'flop',\n"
                            "              'ratio', 'power', 'money', 'money/s' }\n"
                            "return function(text)\n"
                            "  for _, dimension in ipairs(all) do\n"
                            "    local value, why = units.parse(text, dimension)\n"
                            "    assert(math.type(value) or type(why) == 'string')\n"
                            "    assert(value == nil or value == value)\n"
                            "  end\n"
                            "end\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static lua_State *L;
  if (L == NULL) L = target_open(chunk);
  target_call(L, data, size);
  return 0;
}
