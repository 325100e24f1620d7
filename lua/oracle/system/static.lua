--- Static batching, the baseline: a batch runs to its end before the next one forms.
local system = require "oracle.system"

return system.new {
  name = "static",
  version = "request-level scheduling",
  source = "Yu et al., Orca, OSDI 2022, section 2; batches of up to 32 as in its evaluation, section 6",
  defaults = { max_num_seqs = 32, enable_prefix_caching = false },
  aliases = { batch_size = "max_num_seqs" },
  batching = function() return "static" end,
}
