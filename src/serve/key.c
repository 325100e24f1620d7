#include "serve/key.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

/* Every byte that was shown is compared, whatever the others were. */
static bool equal(const char *key, const char *shown)
{
  const size_t length = strlen(key), given = strlen(shown);
  unsigned differs = length != given;
  for (size_t i = 0; i < given; i++)
    differs |= (unsigned char)shown[i] ^ (unsigned char)key[i < length ? i : length];
  return differs == 0;
}

bool orc_key_allows(const char *key, const char *authorization)
{
  if (key == NULL) return true;
  if (strncasecmp(authorization, "bearer ", 7) != 0) return false;
  return equal(key, authorization + 7);
}
