#include "serve/kv.h"

void orc_kv_init(orc_kv *kv, int64_t total, int32_t block_size)
{
  ORC_ASSERT(total >= 1 && block_size >= 1);
  *kv = (orc_kv){ .total = total, .free = total, .block_size = block_size };
}

bool orc_kv_take(orc_kv *kv, int64_t n)
{
  ORC_ASSERT(n >= 0);
  if (n > orc_kv_available(kv)) return false;
  if (n > kv->free) kv->evict(kv->self, n - kv->free);
  kv->free -= n;
  ORC_ASSERT(kv->free >= 0);
  return true;
}

void orc_kv_give(orc_kv *kv, int64_t n)
{
  ORC_ASSERT(n >= 0 && n <= orc_kv_used(kv));
  kv->free += n;
}
