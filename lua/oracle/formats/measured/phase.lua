--- Tables of phases: how long a batch of prompts takes, and a step that decodes it, as splitwise-sim has them; power
-- beside. Runs of one configuration are put together at their median.
local csv = require "oracle.formats.measured.csv"
local deployed = require "oracle.formats.measured.deployed"
local names = require "oracle.formats.measured.names"

local phase = {}

phase.TELLS = { "prompt_size", "batch_size", "token_size", "prompt_time", "token_time" }

local NEEDS = { "model", "hardware", "prompt_size", "batch_size", "token_size", "prompt_time", "token_time" }
local TIMES = { "prompt_time", "token_time", "e2e_time" }

local function median(list)
  table.sort(list)
  local n = #list
  if n == 0 then return nil end
  return n % 2 == 1 and list[n // 2 + 1] or (list[n // 2] + list[n // 2 + 1]) / 2
end

-- Rows of the same configuration: { row =, prompt_time = {}, ... } in the order of the file.
local function configurations(text)
  local list, found = {}, {}
  for _, row in ipairs(csv.rows(text, NEEDS)) do
    local key = table.concat({ row.model, row.hardware, row.prompt_size or "", row.batch_size or "",
                               row.token_size or "", row.tensor_parallel or "" }, "|")
    if not found[key] then
      found[key] = { row = row }
      for _, name in ipairs(TIMES) do found[key][name] = {} end
      list[#list + 1] = found[key]
    end
    for _, name in ipairs(TIMES) do table.insert(found[key][name], csv.time(row, name)) end
  end
  return list
end

local function make(one)
  local row = one.row
  local t = { engine = "vllm", gpu = names.gpu(row.hardware), model = names.model(row.model) }
  if not t.gpu then return nil, "unknown GPU " .. tostring(row.hardware) end
  if not t.model then return nil, "unknown model " .. tostring(row.model) end
  local prompt, batch = csv.count(row, "prompt_size", 1), csv.count(row, "batch_size", 1)
  local output = csv.count(row, "token_size", 1)
  if not (prompt and batch and output) then return nil, "lengths or the batch are not said" end
  t.tp = csv.count(row, "tensor_parallel", 1) or 1
  t.most_tokens, t.in_flight = prompt + output, batch
  t.max_num_batched_tokens = math.max(2048, batch * prompt)
  t.workload = { kind = "batch", count = batch, prompt = prompt, output = output }
  return { id = ("%s %s %d x %d"):format(row.model, row.hardware, batch, prompt), line = row.line, model = t.model.name,
           gpu = t.gpu.id, engine = t.engine, version = "2023", format = t.model.format,
           layout = deployed.layout_text(t), load = batch, arrival = "static batch", statistic = "mean",
           apart = "an eager engine of 2023", scenario = deployed.scenario(t),
           lengths = ("%d/%d"):format(prompt, output),
           measured = { ttft = median(one.prompt_time), tpot = median(one.token_time), e2e = median(one.e2e_time) } }
end

--- The rows of a text, and what was skipped.
function phase.read(text)
  local rows, skipped = {}, {}
  for _, one in ipairs(configurations(text)) do
    local made, why = make(one)
    if made then rows[#rows + 1] = made else skipped[#skipped + 1] = { "line " .. one.row.line, why } end
  end
  return rows, skipped
end

return phase
