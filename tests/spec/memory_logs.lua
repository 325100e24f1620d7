--- What real servers printed of their memory ($ORACLE_DATA/memory/vllm-logs.csv) beside what oracle derives, for
-- tools/memory.lua and memory_spec.lua.
local catalog = require "oracle.models.catalog"
local deployment = require "oracle.plan.deployment"
local oracle = require "oracle"
local schema = require "oracle.scenario.schema"

local logs = {}

-- The cells of a line of CSV; some are quoted.
local function cells(line)
  local list, at = {}, 1
  while at <= #line + 1 do
    local text, after
    if line:sub(at, at) == '"' then
      text, after = line:match('^"([^"]*)"(),?', at)
      after = after and after + 1
    else
      text, after = line:match("^([^,]*)(),?", at)
      after = after + 1
    end
    if not text then error("a quote without end: " .. line, 0) end
    list[#list + 1], at = text, after
  end
  return list
end

--- The rows of a file by the names of its columns; nil and why where it cannot be read.
function logs.read(path)
  local f, why = io.open(path)
  if not f then return nil, why end
  local head, rows = cells(f:read "l"), {}
  for line in f:lines() do
    local row = {}
    for i, text in ipairs(cells(line)) do row[head[i]] = text end
    rows[#rows + 1] = row
  end
  f:close()
  return rows
end

-- A model and the quantisation said after its name: "Qwen/Qwen3-235B-A22B FP8".
local function model_of(text)
  local name, format = text:match "^(%S+)%s+(%S+)$"
  name = name or text
  if format then
    for _, suffix in ipairs { "-" .. format, "-Instruct-" .. format } do
      local ok, m = pcall(catalog.model, name .. suffix)
      if ok then return m, m.quantization == nil and format:lower() or nil end
    end
  end
  return catalog.model(name), format and format:lower()
end

-- Settings that are written as "block_size=128; max_num_seqs=32"; other words are notes.
local function settings_of(row)
  local e = { tensor_parallel_size = tonumber(row.tensor_parallel_size), max_model_len = tonumber(row.max_model_len),
              gpu_memory_utilization = tonumber(row.gpu_memory_utilization) }
  for key, value in row.other_settings:gmatch "([%w_]+)=([%d.]+)" do e[key] = tonumber(value) end
  if row.other_settings:find "expert parallel" then e.enable_expert_parallel = true end
  local length = row.other_settings:match "sequences of ([%d.]+)k tokens"
  if length then e.max_model_len = math.floor(1000 * length + 0.5) end
  if row.other_settings:find "V0" then e.use_v1 = false end
  return e
end

-- The length that capacity and concurrency printed together stand for, where it is not said.
local function inferred_length(row, context)
  local tokens, requests = tonumber(row.kv_cache_tokens), tonumber(row.max_concurrency)
  if not tokens or not requests then return nil end
  return math.min(context, math.floor(tokens / requests + 0.5))
end

--- What oracle says for a row: { weights =, kv_gib =, tokens =, concurrency =, needed = GiB of one request }; raises.
function logs.derive(row)
  local model, quantization = model_of(row.model)
  local e = settings_of(row)
  local gpu = row.gpu:match "^%S+"
  local hardware = catalog.hardware(gpu == "any" and "h200" or gpu)
  local r, errors = schema.resolve(
    { model = "llama-3.1-8b", hardware = "h100-sxm", engine = { tensor_parallel_size = e.tensor_parallel_size },
      workload = oracle.workload.batch { count = 1, prompt = 1, output = 1 } }, function() return nil end)
  if not r then error(tostring(errors and errors[1] and errors[1].message or errors), 0) end
  local knobs = r.engine
  knobs.gpu_memory_utilization, knobs.quantization = nil, quantization
  for k, v in pairs(e) do knobs[k] = v end
  knobs.version = row.vllm_version:match "^%d+%.%d+" or "0.11"
  local minor = tonumber(knobs.version:match "%d+$")
  if minor < 11 then knobs.version = "0.11" end           -- V1 as of then
  if minor < 8 then knobs.use_v1 = false end
  if knobs.use_v1 == false then knobs.version = "0.6" end
  if not knobs.max_model_len then knobs.max_model_len = inferred_length(row, model.max_position_embeddings) end
  deployment.fill_knobs(knobs, model, hardware, hardware.id)
  local layout = deployment.layout(knobs, model)
  local memory = deployment.memory(knobs, model, hardware, layout)
  return deployment.kv_room(knobs, memory, { hardware }, model)
end

-- "measured / derived (error)" of two numbers; "" where nothing was measured.
local function beside(measured, derived, format)
  if not measured then return "" end
  if not derived then return format:format(measured) .. " / -" end
  return (format .. " / " .. format .. " (%+.1f %%)"):format(measured, derived, 100 * (derived / measured - 1))
end

--- A row as the table's line, and the errors in per cent { tokens =, kv_gib =, weights =, concurrency = }.
function logs.compare(row)
  local ok, d = pcall(logs.derive, row)
  if not ok then return { row.id, row.model, "", "", "", tostring(d) }, nil end
  local errors, line = {}, { row.id, row.model }
  for i, c in ipairs { { "kv_cache_tokens", "tokens", "%.0f" }, { "kv_cache_gib", "kv_gib", "%.2f" },
                       { "weights_gib_per_gpu", "weights", "%.2f" }, { "max_concurrency", "concurrency", "%.2f" } } do
    local measured = tonumber(row[c[1]])
    line[2 + i] = beside(measured, d[c[2]], c[3])
    if measured and d[c[2]] then errors[c[2]] = 100 * (d[c[2]] / measured - 1) end
  end
  local needed = tonumber(row.kv_cache_gib:match "^([%d.]+) needed")
  if needed then line[4], errors.needed = beside(needed, d.needed, "%.2f"), 100 * (d.needed / needed - 1) end
  return line, errors
end

return logs
