--- The configuration that `oracle generate-config` writes: it runs as it is.
local lazy = require "oracle.lazy"
local emit = require "oracle.formats.yaml.emit"
local yaml = lazy "oracle.formats.yaml"

local map = emit.map

local example = {}

-- Figures of the A100 SXM4 80 GB: NVIDIA A100 Tensor Core GPU data sheet, 2021-06.
local DEVICE = map {
  { "device_id", "gpu0" }, { "device_type", "GPU" },
  { "peak_tflops", map { { "fp16", 312 }, { "int8", 624 } }, comment = "dense, TFLOPS" },
  { "memory_capacity_bytes", 80000000000 },
  { "memory_gbps", 2039, comment = "gigabytes per second" },
}

local LINK = map {
  { "link_id", "client_to_server" }, { "source_id", "client_node_0" }, { "dest_id", "gpu0" },
  { "bandwidth_bps", 10000000000, comment = "bits per second" },
  { "latency_s", 0.0001 },
  { "bidirectional", true },
}

local PROFILE = map {
  { "profile_name", "interactive_chat" },
  { "inter_arrival_time_dist_config", map { { "type", "Exponential" }, { "rate", 4.0 } },
    comment = "requests per second" },
  { "prompt_tokens_dist_config",
    map { { "type", "LogNormal" }, { "median", 150 }, { "p99", 1000 }, { "is_int", true } },
    comment = "tokens (mean, sigma: log space)" },
  { "max_output_tokens_dist_config",
    map { { "type", "Uniform" }, { "low", 50 }, { "high", 200 }, { "is_int", true } } },
  { "conversational_probability", 0.3, comment = "share of the requests that open a conversation" },
  { "follow_up_inter_arrival_time_dist_config", map { { "type", "Exponential" }, { "rate", 0.2 } },
    comment = "think time after an answer, s" },
  { "streaming_response_probability", 0.9 },
}

local FRAMEWORK = map {
  { "name", "vllm_llama2_7b" }, { "type", "VLLM" }, { "is_target_for_workload", true },
  { "config", map {
    { "model_profile_id", "Llama2-7B" }, { "gpu_id", "gpu0" }, { "block_size", 16 }, { "max_num_seqs", 256 },
    { "max_num_batched_tokens", 4096 }, { "enable_chunked_prefill", true }, { "enable_prefix_caching", true },
  } },
}

--- The document, keys in order.
function example.document()
  return map {
    { "simulation", map { { "max_simulation_time", 300, comment = "s" }, { "random_seed", 42 } } },
    { "hardware_profile", map { { "compute_devices", { DEVICE } }, { "network_links", { LINK } } } },
    { "workload", map {
      { "total_duration", 300, comment = "s during which requests arrive" },
      { "random_seed", 123 },
      { "client_profiles", { PROFILE } },
    } },
    { "frameworks_to_test", { FRAMEWORK } },
    { "metrics_config", map {
      { "percentiles_to_calculate", { 0.5, 0.9, 0.95, 0.99 } },
      { "warm_up_duration_s", 30 },
      { "output_summary_json_path", "experiments/results/summary.json" },
      { "output_requests_csv_path", "experiments/results/requests.csv" },
    } },
  }
end

--- The text of it.
-- @param format "yaml", "json" or "lua"
function example.text(format)
  local document = example.document()
  if format == "json" then return emit.json(document) end
  if format == "lua" then
    local read = yaml.read(emit.plain(document), {}, nil)
    return emit.scenario(read.raw, "One A100 serves Llama-2 7B to people who chat; `oracle run` this file.")
  end
  return "# An experiment for `oracle run`. Keys: `oracle validate` checks them; docs/configuration.md lists them.\n"
    .. emit.yaml(document)
end

return example
