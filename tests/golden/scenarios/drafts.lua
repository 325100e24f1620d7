-- Draft tokens and LoRA adapters together, with prefixes, preemptions and steps in flight.
local oracle = require "oracle"

return oracle.scenario {
  model = "llama-3.1-8b", hardware = "h100-sxm",
  engine = {
    max_model_len = 2048, num_gpu_blocks_override = 400, enable_lora = true, max_loras = 2,
    speculative_config = { method = "eagle", num_speculative_tokens = 3, acceptance = { 0.8, 0.6, 0.4 } },
  },
  workload = oracle.workload.sessions { rate = 6, count = 80, turns = 3, think = 0.5,
    prompt = { kind = "uniform", low = 50, high = 400 }, output = { kind = "uniform", low = 20, high = 300 },
    lora = { sql = 2, chat = 1, code = 1, base = 1 } },
}
