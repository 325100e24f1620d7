--- Keys of a scenario in words: what a row of oracle.scenario.keys says, for help.
local lazy = require "oracle.lazy"
local schema = lazy "oracle.scenario.schema"
local systems = lazy "oracle.system"
local units = lazy "oracle.text.units"

local explain = {}

-- Whose name and default a key of `engine` has where they are not those of `vllm serve`.
local ENGINE = "vLLM's option of that name (vllm/engine/arg_utils.py)"
local OTHERS = {
  system = "oracle's own; docs/systems.md", pipeline_layers = "vLLM's VLLM_PP_LAYER_PARTITION (vllm/envs.py)",
  all_reduce = "oracle's own; docs/parallelism.md", lora_load_seconds = "oracle's own; docs/lora.md",
  enable_sequence_parallelism = "vLLM's compilation_config.pass_config", swap_space = "vLLM V0's --swap-space",
  num_microbatches_per_request = "oracle's own; docs/parallelism.md",
  enable_cross_request_caching = "oracle's own; docs/reference.md",
  min_prefix_cache_length = "oracle's own; docs/reference.md", prefix_cache_blocks = "oracle's own; docs/reference.md",
  prefix_cache_entries = "oracle's own; docs/reference.md", recompute_last_block = "oracle's own; docs/reference.md",
  acceptance = "oracle's own; docs/speculation.md",
  acceptance_per_position = "vLLM's metric of that name; docs/speculation.md",
  acceptance_length = "vLLM's mean acceptance length; docs/speculation.md",
}

-- By the beginning of a path; the first that fits.
local SOURCES = {
  { "slo.", "goodput as `vllm bench serve --goodput` counts it; docs/sizing.md" },
  { "pools", "docs/parallelism.md" }, { "groups", "docs/parallelism.md" }, { "network", "docs/parallelism.md" },
  { "kv_", "docs/parallelism.md" }, { "autoscaling", "docs/policies.md, Autoscalers" },
  { "failures", "docs/policies.md" }, { "cost", "docs/costs.md" }, { "workload", "docs/workloads.md" },
  { "model", "models/llm; docs/models.md" }, { "hardware", "models/hardware; docs/hardware.md" },
  { "router", "docs/policies.md" }, { "batching", "docs/policies.md" }, { "admission", "docs/policies.md" },
  { "eviction", "docs/policies.md" }, { "processes", "docs/processes.md" }, { "lod", "docs/parallelism.md" },
}

local function source_of(path, row)
  local own = path:match "%f[%w]engine%.(.+)$"
  if own then return row.source or OTHERS[own:match "([^.]+)$"] or ENGINE end
  for _, pair in ipairs(SOURCES) do
    if path:sub(1, #pair[1]) == pair[1] then return row.source or pair[2] end
  end
  return row.source or "oracle's own"
end

local KINDS = { number = "a number", count = "a whole number", boolean = "true or false", string = "a text",
                list = "a list", section = "a section", variant = "a section of one kind", policy = "a policy",
                dist = "a number or a distribution (oracle.dist)", path = "the path of a file",
                name = "a name or a path",
                vary = "axes", network = "a topology's name or a table", layers = "a list, or a word",
                lengths = "pairs, or a function", rows = "rows" }

local function limits(row)
  local function show(v)
    if math.tointeger(v) and math.abs(v) < 1e15 then return units.thousands(v) end
    return ("%.6g"):format(v)
  end
  local most = row.max and row.max < 1e15 and row.max or nil
  if row.min and most then return (" %s %s to %s"):format(row.open and "above" or "from", show(row.min), show(most)) end
  if row.min then return (" %s %s"):format(row.open and "above" or "from", show(row.min)) end
  return ""
end

-- What may stand there, in words.
local function takes(row)
  if row.values then return "one of " .. table.concat(row.values, ", ") end
  local what = (KINDS[row.type] or row.type) .. limits(row)
  if row.dimension then
    local name, example, si = units.describe(row.dimension)
    what = ("%s%s; %s such as \"%s\""):format(what, si ~= "1" and " in " .. si or "", name, example)
  end
  if row.of and row.of.fields then what = what .. " of { " .. table.concat(row.of.order, " =, ") .. " = }" end
  return what
end

-- Where it depends on other things, the last clause of its doc says on which.
local function default_of(row, shown, doc)
  if row.required then return "none: it must be given" end
  if shown ~= "" then
    local bytes = row.dimension == "bytes" and tonumber(shown)
    return bytes and bytes >= 1024 and ("%s (%s)"):format(shown, units.format(bytes, "bytes")) or shown
  end
  return doc:match ".*; ([^()]+)" or "not set"
end

local all                                                 -- what keys() found, which no run changes

--- All keys: a list of { path =, row =, default = as text, doc = }; those of workloads have `kinds`, the kinds that
-- have them, those that a serving system adds to `engine` have `systems`.
function explain.keys()
  if all then return all end
  local list, by, kind = {}, {}, nil
  for _, line in ipairs(schema.describe()) do
    local path, default, doc, row = table.unpack(line, 1, 4)
    local of = path:match "^workload %((.+)%)$"
    if of then
      kind = of
    elseif kind and by[path] then
      table.insert(by[path].kinds, kind)
    else
      local key = { path = path, default = default, doc = doc, row = row, kinds = kind and { kind } }
      list[#list + 1], by[path] = key, key
    end
  end
  for _, name in ipairs(systems.names()) do
    for _, row in ipairs(systems.get(name).knobs or {}) do
      local path = "engine." .. row[1]
      if not by[path] then
        list[#list + 1] = { path = path, doc = row.doc or "", row = row, systems = {},
                            default = row.default == nil and "" or tostring(row.default) }
        by[path] = list[#list]
      end
      table.insert(by[path].systems or {}, name)
    end
  end
  all = list
  return list
end

--- What there is to say of a key: a list of { what, text }.
-- @param key one of explain.keys()
function explain.lines(key)
  local row = key.row
  local lines = { { "takes", takes(row) }, { "default", default_of(row, key.default, row.doc or "") } }
  if key.kinds then lines[#lines + 1] = { "of", "workloads of kind " .. table.concat(key.kinds, ", ") } end
  if key.systems then lines[#lines + 1] = { "of", "engine.system = " .. table.concat(key.systems, ", ") } end
  if row.needs then
    lines[#lines + 1] = { "needs", ("engine.%s = true; without it there is no effect"):format(row.needs) }
  end
  if row.fixed or key.path:find "^engine%." and not key.systems then
    lines[#lines + 1] = { "in a run", row.fixed and "cannot change: " .. row.fixed or "may change at the prompt" }
  end
  local own = key.systems and "the system's own option; docs/systems.md"
  lines[#lines + 1] = { "source", own or source_of(key.path, row) }
  return lines
end

return explain
