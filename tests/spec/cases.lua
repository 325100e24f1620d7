--- A configuration for tests whose parts a test fills in, and runs of it.
local formats = require "oracle.formats"
local json = require("oracle.core").json
local problems = require "oracle.formats.problems"
local program = require "program"

local cases = {}

--- The rows of a CSV as tables by column; and the columns.
function cases.rows_of(text)
  local names, rows = nil, {}
  for line in text:gmatch("[^\n]+") do
    local cells = {}
    for cell in (line .. ","):gmatch("([^,]*),") do cells[#cells + 1] = cell end
    if not names then names = cells else
      local row = {}
      for i, name in ipairs(names) do row[name] = cells[i] end
      rows[#rows + 1] = row
    end
  end
  return rows, names
end

local BASE = [[
simulation: {max_simulation_time: 60, random_seed: 5}
hardware_profile:
  compute_devices:
    - &gpu
      {device_id: gpu0, device_type: GPU, peak_tflops: {fp16: 312}, memory_capacity_bytes: 80.0e9, memory_gbps: 2039}
    - {<<: *gpu, device_id: gpu1}
    - {<<: *gpu, device_id: gpu2}
    - {<<: *gpu, device_id: gpu3}
LINKS
workload:
  total_duration: 60
WORKLOAD
  client_profiles:
    - profile_name: one
      inter_arrival_time_dist_config: {type: Exponential, rate: 4.0}
      prompt_tokens_dist_config: {type: Constant, value: 200}
      max_output_tokens_dist_config: {type: Constant, value: 50}
PROFILE
frameworks_to_test:
FRAMEWORKS
METRICS
]]

local ONE = [[
  - {name: a, type: VLLM, config: {model_profile_id: Llama2-7B, gpu_id: gpu0}}
]]

--- The base with its parts filled in.
function cases.build(parts)
  return (BASE:gsub("%u%u%u%u+", { LINKS = parts.links or "", WORKLOAD = parts.workload or "",
    PROFILE = parts.profile or "", FRAMEWORKS = parts.frameworks or ONE, METRICS = parts.metrics or "" }))
end

--- What is wrong with a text, one line each.
function cases.errors(text)
  local list = {}
  for i, e in ipairs(formats.parse(text).problems.errors) do list[i] = problems.text(e) end
  return table.concat(list, "\n")
end

--- Run a configuration: its summary and the rows of its CSV.
function cases.run(text, args)
  program.write("c.yaml", text)
  -- a gsub that made the text gives its count too
  args = type(args) == "string" and args or ""
  local rc, out, err = program.run_there("run c.yaml -q --json - --csv rows.csv " .. args)
  if rc ~= 0 then error(err, 2) end
  return json.decode(out), cases.rows_of(program.read(program.dir .. "/rows.csv"))
end

return cases
