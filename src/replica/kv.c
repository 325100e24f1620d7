#include "replica/kv.h"

void orc_kv_init(orc_kv *kv, int64_t total, int32_t block_size)
{
  ORC_ASSERT(total >= 1 && block_size >= 1);
  *kv = (orc_kv){ .total = total, .free = total, .block_size = block_size };
}

void orc_kv_evict(orc_kv *kv, int64_t n)
{
  kv->evict(kv->self, n - (kv->free - kv->queued));
  ORC_ASSERT(kv->free - kv->queued >= n);
}
