--- Tables of measured collectives, row by row into groups of one collective on one GPU over so many ranks. Three kinds:
--   collective, ranks, gpus_per_node, bytes, median_ms (or mean_ms, ms): any library, launched one by one
--   gpu, engine, engine_version, kernel_source, num_gpus, message_size, latency_ms with
--     allreduce_dtype: all-reduces as an engine does them; a kernel_source of ..._eager was launched one by one
--     nccl_dtype: NCCL as nccl-tests run it
--   gpu, engine_version, node_num, hidden_size, num_token, num_topk, num_experts with
--     dispatch_avg_t_us, combine_avg_t_us: DeepEP of low latency
--     dispatch_transmit_us, combine_transmit_us, dispatch_sms: of high throughput
-- message_size counts elements. Columns may come in any order, and more of them.
local collectives = require "oracle.models.collectives"

local rows = {}

local TIMES = { "median_ms", "mean_ms", "ms" }

-- Where a table of nccl-tests does not name the operation (a column op_name or collective), its rows of one size come
-- in this order: aiconfigurator, collector/collect_comm.sh, nccl_ops.
local NCCL_ORDER = { "all_gather", "all_to_all", "reduce_scatter", "all_reduce" }
local ALSO = { alltoall = "all_to_all", allreduce = "all_reduce", allgather = "all_gather",
               reducescatter = "reduce_scatter", sendrecv = "send_recv" }

local BYTES = { half = 2, float16 = 2, fp16 = 2, bfloat16 = 2, bf16 = 2, float = 4, float32 = 4, int8 = 1, fp8 = 1 }

-- Engines as tables call them.
local ENGINES = { vllm = "vllm", sglang = "sglang", trtllm = "trtllm", nccl = "nccl" }

local function fail(line, ...)
  error(("line %d: %s"):format(line, string.format(...)), 0)
end

local function cells(text)
  local list = {}
  for cell in (text .. ","):gmatch("([^,]*),") do list[#list + 1] = cell:match("^%s*(.-)%s*$") end
  return list
end

local function columns(head)
  local at = {}
  for i, name in ipairs(cells(head:gsub("^\239\187\191", ""))) do at[name] = i end
  return at
end

local function count(row, at, name, least, line)
  local n = math.tointeger(tonumber(row[at[name]]))
  if not n or n < least then
    fail(line, "%s: \"%s\": a whole number, %d or more, expected", name, row[at[name]] or "", least)
  end
  return n
end

local MOST = 100                                          -- s: what takes longer is in another unit

local function seconds(row, at, name, line, unit)
  local n, of = tonumber(row[at[name]]), unit and "us" or "ms"
  if not n or not (n > 0 and n < math.huge) then fail(line, "\"%s\": %s above 0 expected", row[at[name]] or "", of) end
  if n * (unit or 1e-3) > MOST then
    fail(line, "%s: %g %s: at most %d s expected; in %s?", name, n, of, MOST, unit and "ns" or "us or ns")
  end
  return n * (unit or 1e-3)
end

-- ---- the kinds ----

local function plain(at)
  local time
  for _, name in ipairs(TIMES) do time = time or at[name] and name end
  if not time then fail(1, "no column median_ms, mean_ms or ms") end
  return function(row, line)
    return { collective = ALSO[row[at.collective]] or row[at.collective], ranks = count(row, at, "ranks", 2, line),
             per_node = count(row, at, "gpus_per_node", 1, line), engine = "nccl", launch = "eager",
             gpu = at.gpu and row[at.gpu] or nil },
      count(row, at, "bytes", 0, line) + 0.0, seconds(row, at, time, line)
  end
end

local function engine_of(row, at, line)
  local name = (row[at.engine] or ""):lower()
  if not ENGINES[name] then fail(line, "engine: \"%s\": vllm, sglang, trtllm or nccl expected", name) end
  return ENGINES[name]
end

local function kernels(at, dtype, collective_of)
  return function(row, line)
    local width = BYTES[(row[at[dtype]] or ""):lower()]
    if not width then
      fail(line, "%s: \"%s\": one of half, bfloat16, float, int8 expected", dtype, row[at[dtype]] or "")
    end
    local ranks, size = count(row, at, "num_gpus", 2, line), count(row, at, "message_size", 1, line)
    local eager = (row[at.kernel_source] or ""):lower():find("eager", 1, true)
    return { collective = collective_of(row, size, ranks, line), ranks = ranks, per_node = ranks, gpu = row[at.gpu],
             engine = engine_of(row, at, line), version = row[at.engine_version],
             launch = eager and "eager" or "graph" },
      size * width + 0.0, seconds(row, at, "latency_ms", line)
  end
end

-- The operation by name where there is one, else by how often the size was there before.
local function nccl_operation(at)
  local seen, named = {}, at.op_name or at.collective
  return function(row, size, ranks, line)
    if named then return ALSO[(row[named]:gsub("_", ""))] or row[named] end
    local key = table.concat({ row[at.gpu], row[at.engine_version], row[at.nccl_dtype], ranks, size }, " ")
    seen[key] = (seen[key] or 0) + 1
    if not NCCL_ORDER[seen[key]] then
      fail(line, "a fifth row of %s: four expected, %s, or a column op_name", key, table.concat(NCCL_ORDER, ", "))
    end
    return NCCL_ORDER[seen[key]], key
  end, seen
end

-- Rows of a size that some operations lack cannot be told apart.
local function check_order(seen)
  for key, n in pairs(seen) do
    if n < #NCCL_ORDER then
      error(("%s: %d rows; four expected, %s, or a column op_name that tells them"):format(key, n,
        table.concat(NCCL_ORDER, ", ")), 0)
    end
  end
end

-- ---- DeepEP ----

local HIDDEN_BYTES = 2                                    -- a value of an activation, whatever it is sent as
local SMS = 20                                            -- that DeepEP takes of a GPU, at least (Buffer.num_sms)

local FEW = 64                                            -- experts; DeepEP's kernels share out their work by them

-- GPUs of a node: four in those of GB200 and GB300.
local function node_of(gpu) return gpu:match "^gb%d" and 4 or 8 end

-- Two groups a row: the way there, and back.
local function deepep(at)
  local low = at.dispatch_avg_t_us ~= nil
  local there = low and "dispatch_avg_t_us" or "dispatch_transmit_us"
  local back = low and "combine_avg_t_us" or "combine_transmit_us"
  return function(row, line)
    local gpu = row[at.gpu] or ""
    local per_node = node_of(gpu)
    local ranks, top_k = per_node * count(row, at, "node_num", 1, line), count(row, at, "num_topk", 1, line)
    local tokens, hidden = count(row, at, "num_token", 1, line), count(row, at, "hidden_size", 1, line)
    local engine = low and "deepep_low_latency" or "deepep_high_throughput"
    local copies = collectives.copies(engine, top_k, ranks)
    local sms = low and SMS or count(row, at, "dispatch_sms", 1, line)
    local function group(collective)
      return { collective = collective, ranks = ranks, per_node = per_node, gpu = gpu, version = row[at.engine_version],
               engine = engine,
               launch = sms >= SMS and "graph" or sms .. " SMs",
               few = count(row, at, "num_experts", 1, line) < FEW or nil }
    end
    return group "dispatch", tokens * copies * hidden * HIDDEN_BYTES + 0.0, seconds(row, at, there, line, 1e-6),
      group "combine", seconds(row, at, back, line, 1e-6)
  end
end

local DEEPEP = { "gpu", "engine_version", "node_num", "hidden_size", "num_token", "num_topk", "num_experts" }

local KERNELS = { "gpu", "engine", "engine_version", "kernel_source", "num_gpus", "message_size", "latency_ms" }
local PLAIN = { "collective", "ranks", "gpus_per_node", "bytes" }

local function need(at, names)
  for _, name in ipairs(names) do
    if not at[name] then fail(1, "no column %s", name) end
  end
end

-- How a table is read by its header; and what is checked at its end.
local function reader(at)
  if at.allreduce_dtype then
    need(at, KERNELS)
    return kernels(at, "allreduce_dtype", function() return "all_reduce" end), function() end
  elseif at.nccl_dtype then
    need(at, KERNELS)
    local operation, seen = nccl_operation(at)
    return kernels(at, "nccl_dtype", operation), function() check_order(seen) end
  end
  if at.dispatch_avg_t_us or at.dispatch_transmit_us then
    need(at, DEEPEP)
    need(at, at.dispatch_avg_t_us and { "combine_avg_t_us" } or { "combine_transmit_us", "dispatch_sms" })
    return deepep(at), function() end
  end
  need(at, PLAIN)
  return plain(at), function() end
end

--- Whether a header is that of such a table.
function rows.is(head)
  local at = columns(head)
  if at.collective and at.ranks and at.bytes then return true end
  if at.node_num and (at.dispatch_avg_t_us or at.dispatch_transmit_us) then return true end
  return (at.allreduce_dtype or at.nccl_dtype) ~= nil and at.num_gpus ~= nil and at.message_size ~= nil
end

local function key_of(g)
  return table.concat({ g.collective, g.gpu or "-", g.engine, g.version or "-", g.launch, g.ranks, g.per_node,
                        g.few and "few" or "" }, " ")
end

--- Read one.
-- @return groups in the order of the file: { collective =, ranks =, per_node =, gpu = as it is called there or nil,
--   engine =, version =, launch = "graph" | "eager", bytes = {}, seconds = {}, line = of the first }; raises
--   "line N: what is wrong"
function rows.read(text)
  local groups, found, line, row_of, finish = {}, {}, 0, nil, nil
  local function put(g, bytes, time)
    local key = key_of(g)
    if not found[key] then
      found[key], groups[#groups + 1] = g, g
      g.bytes, g.seconds, g.line = {}, {}, line
    end
    g = found[key]
    g.bytes[#g.bytes + 1], g.seconds[#g.seconds + 1] = bytes, time
  end
  for row_text in text:gmatch("([^\r\n]*)\r?\n?") do
    line = line + 1
    if not row_of then
      row_of, finish = reader(columns(row_text))
    elseif row_text ~= "" then
      local g, bytes, time, other, its_time = row_of(cells(row_text), line)
      put(g, bytes, time)
      if other then put(other, bytes, its_time) end
    end
  end
  finish()
  if #groups == 0 then error("no measurements below the header", 0) end
  return groups
end

return rows
