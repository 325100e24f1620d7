--- Triton's dynamic batcher over a model that runs a batch to its end.
local system = require "oracle.system"

return system.new {
  name = "triton",
  also = { "Triton Inference Server" },
  version = "2.6x (25.x containers)",
  source = "NVIDIA Triton Inference Server user guide, Batchers; default-max-batch-size 4: Model Configuration, "
    .. "Auto-Generated Model Configuration",
  defaults = { max_num_seqs = 4, enable_prefix_caching = false },
  aliases = { max_batch_size = "max_num_seqs" },
  knobs = {
    { "max_queue_delay", "number", dimension = "time", min = 0, max = 3600, default = 0,
      doc = "triton: how long a batch waits for company" },
    { "max_queue_delay_microseconds", "count", min = 0, max = 3600000000,
      doc = "triton: the same in microseconds, as Triton writes it" },
    { "preferred_batch_size", "list", of = { type = "count", min = 1, max = 1000000 },
      doc = "triton: sizes at which a batch leaves at once" },
  },
  fill = function(e)
    for _, size in ipairs(e.preferred_batch_size or {}) do
      if size > e.max_num_seqs then
        error(("engine.preferred_batch_size: %d: at most max_batch_size (%d) expected"):format(size, e.max_num_seqs), 0)
      end
    end
    if e.max_queue_delay_microseconds and e.max_queue_delay > 0 then
      error("engine.max_queue_delay_microseconds: the same knob as max_queue_delay; one of them expected", 0)
    end
  end,
  batching = function(e)
    local us = e.max_queue_delay_microseconds
    return { "triton", max_queue_delay = us and us * 1e-6 or e.max_queue_delay + 0.0,
             preferred = e.preferred_batch_size or {} }
  end,
}
