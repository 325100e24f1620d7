--- Orca: iteration-level scheduling with memory for the longest answer.
local system = require "oracle.system"

return system.new {
  name = "orca",
  version = "OSDI 2022",
  source = "Yu et al., Orca: A Distributed Serving System for Transformer-Based Generative Models, OSDI 2022, "
    .. "algorithm 1; batches of up to 32 as in its evaluation, section 6",
  defaults = { max_num_seqs = 32, enable_prefix_caching = false },
  aliases = { max_batch_size = "max_num_seqs" },
  batching = function() return "orca" end,
}
