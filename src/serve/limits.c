#include "serve/limits.h"

orc_limits orc_limits_usual(void)
{
  return (orc_limits){ .connections = 16384,
                       .streams = 16384,
                       .body = (size_t)16 << 20,
                       .unsent = (size_t)1 << 20,
                       .choices = 128,
                       .header_seconds = 30,
                       .idle_seconds = 300 };
}
