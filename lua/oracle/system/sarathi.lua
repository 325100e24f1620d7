--- Sarathi-Serve: stall-free batching under a small token budget.
local system = require "oracle.system"

return system.new {
  name = "sarathi",
  also = { "Sarathi-Serve" },
  version = "OSDI 2024",
  source = "Agrawal et al., Sarathi-Serve, OSDI 2024, sections 4 and 5 (token budgets of 512 and 2048, batches of up "
    .. "to 128)",
  defaults = { max_num_seqs = 128, max_num_batched_tokens = 512, enable_prefix_caching = false },
  aliases = { chunk_size = "max_num_batched_tokens", token_budget = "max_num_batched_tokens",
              batch_size_cap = "max_num_seqs" },
  batching = function(e) return { "sarathi", token_budget = e.max_num_batched_tokens } end,
}
