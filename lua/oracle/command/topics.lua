--- What `oracle help TOPIC` explains beside commands: keys of a scenario, options, policies and what else comes as a
-- file of its own, metrics, which are the columns of `report`.
local lazy = require "oracle.lazy"
local console = require "oracle.text.console"
local explain = lazy "oracle.scenario.explain"
local finder = lazy "oracle.text.finder"
local flags = lazy "oracle.formats.flags"
local metrics = lazy "oracle.scenario.metrics"
local options = require "oracle.command.options"
local paths = lazy "oracle.text.paths"
local policies = lazy "oracle.policy"
local spelling = require "oracle.text.spelling"
local systems = lazy "oracle.system"

local topics = {}

local INDENT = ("%-13s"):format ""

-- A line "what         text", wrapped.
local function line(what, text)
  return console.wrapped(("%-13s"):format(what), text, INDENT)
end

-- A list of { name, text }, one a line.
local function listed(title, rows, width)
  local out = { console.wrapped("", title, "") }
  for _, row in ipairs(rows) do width = math.max(width or 0, math.min(34, utf8.len(row[1]))) end
  for _, row in ipairs(rows) do
    local text = ("  %-" .. width .. "s  "):format(row[1])
    out[#out + 1] = (text .. console.brief(row[2], 80 - utf8.len(text))):gsub("%s+$", "") .. "\n"
  end
  return table.concat(out)
end

-- ---- what comes as a file ----

-- Folders of lua/oracle: what is in them is called, and how a scenario chooses.
local FOLDERS = {
  { "systems", "system", "serving systems", "engine.system = \"NAME\"" },
  { "workloads", "workload", "kinds of workload", "workload = oracle.workload.NAME { ... }" },
  { "cost_models", "cost_model", "cost models", "cost = \"NAME\"" },
}

local function folders()
  local list = {}
  for _, k in ipairs(policies.KINDS) do
    list[#list + 1] = { k.kind, k.folder, ("policies of kind %s"):format(k.kind), k.key .. " = \"NAME\"" }
  end
  return table.move(FOLDERS, 1, #FOLDERS, #list + 1, list)
end

-- The comment at the head of a file: what it is, and its source.
local function head_of(folder, name)
  local text, source = {}, nil
  for written in paths.read(paths.path(("lua/oracle/%s/%s.lua"):format(folder, name))):gmatch "[^\n]*" do
    local comment = written:match "^%-%-%-? ?(.*)$"
    if not comment then break end
    local from = comment:match "^Source:%s*(.*)$"
    if from then
      source = from
    elseif source then
      source = source .. " " .. comment
    else
      text[#text + 1] = comment
    end
  end
  return table.concat(text, " "), source
end

local function folder_text(row)
  local rows = {}
  for i, name in ipairs(finder.names(row[2])) do rows[i] = { name, (head_of(row[2], name)) } end
  return listed(("%s; %s"):format(row[3], row[4]), rows)
end

local function file_text(row, name)
  local text, source = head_of(row[2], name)
  return ("%s: one of the %s\n"):format(name, row[3]) .. console.wrapped("", text, "")
    .. line("chosen by", row[4]:gsub("NAME", name))
    .. line("source", (source or "oracle's own") .. (" (lua/oracle/%s/%s.lua)"):format(row[2], name))
end

-- ---- keys ----

local function last_of(path)
  return path:match "([^.]+)$"
end

local function key_text(key, others)
  local out = { key.path .. "\n", console.wrapped("", key.doc ~= "" and key.doc or "(a section)", "") }
  for _, pair in ipairs(explain.lines(key)) do out[#out + 1] = line(pair[1], pair[2]) end
  if #others > 0 then out[#out + 1] = line("also at", table.concat(others, ", ")) end
  return table.concat(out)
end

local function top(keys)
  local rows = {}
  for _, key in ipairs(keys) do
    if not key.path:find(".", 1, true) then rows[#rows + 1] = { key.path, key.doc } end
  end
  return listed("keys of a scenario, in its file and for --set KEY=VALUE; oracle help KEY explains one, of a section: "
    .. "lists it", rows)
end

local function section_text(key, keys)
  local rows = {}
  for _, k in ipairs(keys) do
    local own = k.path:sub(1, #key.path + 1) == key.path .. "." and k.path:sub(#key.path + 2)
    if own and (not own:find(".", 1, true)) then
      rows[#rows + 1] = { own, (k.default ~= "" and "[" .. k.default .. "] " or "") .. k.doc }
    end
  end
  if #rows == 0 then return nil end
  return listed(("%s: %s; defaults in brackets"):format(key.path, console.brief(key.doc, 50)), rows)
end

-- The key that a word means: its whole path, or its last part, where the shortest path counts.
local function find_key(word, keys)
  local folded, found, others = spelling.fold(word), nil, {}
  for _, key in ipairs(keys) do
    if spelling.fold(key.path) == folded then found = key end
  end
  for _, key in ipairs(keys) do
    local same = not word:find(".", 1, true) and spelling.fold(last_of(key.path)) == folded
    if same and (not found or #key.path < #found.path) then found = key end
  end
  for _, key in ipairs(found and keys or {}) do
    local same = key ~= found and last_of(key.path) == last_of(found.path)
    if same and #others < 4 then others[#others + 1] = key.path end
  end
  return found, others
end

-- The knob that a serving system calls by that name, and the system; nil: none does.
local function alias_of(word)
  for _, name in ipairs(finder.names "system") do
    local target = (systems.get(name).aliases or {})[last_of(word)]
    if target then return target, name end
  end
end

local function of_key(word, keys)
  local key, others = find_key(word, keys)
  local target, system = nil, nil
  if not key then target, system = alias_of(word) end
  if target then
    key, others = find_key("engine." .. target, keys)
    return ("%s: what %s calls this\n"):format(word, system) .. key_text(key, others)
  end
  if not key then return nil end
  local section = section_text(key, keys)
  if section and (key.row.type == "section" or key.row.type == "variant" or key.row.type == "list") then
    return section
  end
  return key_text(key, others)
end

-- ---- metrics ----

local STATISTICS = "mean, std, min, max, count, p50, p90, p95, p99 and what `percentiles` asks for"

local function columns_text()
  local rows = {}
  for i, row in ipairs(metrics.ALL) do
    local unit = row.unit and (" (%s)"):format(row.unit) or ""
    rows[i] = { (row.name and row.short .. ".*" or row.short) .. unit, row.doc }
  end
  return listed("columns of `report`, and metrics of --slo", rows) .. console.wrapped("  .* ", STATISTICS, "     ")
    .. "  prefix_caching.tiers.NAME.hits and .evictions: of a tier of kv_tiers\n"
end

local function metric_text(word)
  local column = metrics.column(word, { 50, 90, 95, 99 })
  local row = column and column.metric or metrics.get(word)
  if not row then return nil end
  local out = { word .. "\n", console.wrapped("", row.doc, "") }
  if row.name then out[#out + 1] = line("statistics", ("%s.*: %s"):format(row.short, STATISTICS)) end
  out[#out + 1] = line("unit", row.unit or "none")
  out[#out + 1] = line("in JSON", row.key .. (column and column.statistic and "." .. column.statistic or ""))
  if row.csv then out[#out + 1] = line("in CSV", row.csv) end
  if row.better then out[#out + 1] = line("better", row.better) end
  out[#out + 1] = line("source", row.source or "oracle's own")
  return table.concat(out)
end

-- ---- options ----

local function option_text(word)
  for _, o in ipairs(options.LIST) do
    if o[1] == word or o.short == word or o[1] == "--" .. word then
      local goes = o.of and table.concat(o.of, ", ") or "all commands"
      return ("%s%s%s\n"):format(o.short and o.short .. ", " or "", o[1], o.value and " " .. o.value or "")
        .. console.wrapped("", o.doc, "") .. (o.choice and line("one of", table.concat(o.choice, ", ")) or "")
        .. line("goes with", goes)
    end
  end
  for _, o in ipairs(flags.options()) do
    if o[1] == word then return ("%s\n"):format(o[1]) .. console.wrapped("", o.doc, "") .. line("goes with", "run") end
  end
end

local function flags_text()
  local rows = {}
  for i, o in ipairs(flags.options()) do rows[i] = { o[1], o.doc } end
  return listed("a deployment in flags, in place of a file (defaults in brackets)", rows)
end

local function options_text()
  local rows = {}
  for i, o in ipairs(options.LIST) do rows[i] = { (o.short and o.short .. ", " or "") .. o[1], o.doc } end
  return listed("all options; oracle COMMAND --help lists those of a command", rows)
end

-- ---- finding ----

local function policies_text()
  local rows = {}
  for _, row in ipairs(folders()) do rows[#rows + 1] = { row[1], table.concat(finder.names(row[2]), ", ") } end
  local out = { console.wrapped("", "what comes with oracle by name; oracle help NAME explains one, oracle help KIND "
    .. "lists them", "") }
  for _, row in ipairs(rows) do out[#out + 1] = line(row[1], row[2]) end
  return table.concat(out)
end

local PAGES = { keys = function() return top(explain.keys()) end, columns = columns_text, report_columns = columns_text,
                metrics = columns_text, flags = flags_text, options = options_text, policies = policies_text }

-- The names that a mistyped one may have meant.
local function names()
  local list = {}
  for name in pairs(PAGES) do list[#list + 1] = name end
  for _, c in ipairs(options.COMMANDS) do list[#list + 1] = c[1] end
  for _, o in ipairs(options.LIST) do list[#list + 1] = o[1] end
  for _, row in ipairs(folders()) do
    list[#list + 1] = row[1]
    for _, name in ipairs(finder.names(row[2])) do list[#list + 1] = name end
  end
  for _, row in ipairs(metrics.ALL) do list[#list + 1] = row.short end
  for _, key in ipairs(explain.keys()) do
    list[#list + 1] = key.path
  end
  table.sort(list)
  return list
end

-- The key whose last part is near that of a mistyped path; nil: none.
local function near_key(word)
  local last, by = {}, {}
  for _, key in ipairs(explain.keys()) do
    local name = last_of(key.path)
    if not by[name] then last[#last + 1] = name end
    if not by[name] or #key.path < #by[name] then by[name] = key.path end
  end
  local near = spelling.find(last_of(word), last)
  return near and by[near]
end

local function of_file(word)
  for _, row in ipairs(folders()) do
    local name = finder.find(row[2], word)
    if name then return file_text(row, name) end
  end
end

local function of_kind(word)
  for _, row in ipairs(folders()) do
    if spelling.fold(row[1]) == spelling.fold(word) or spelling.fold(row[1]) == spelling.fold(word .. "s") then
      return folder_text(row)
    end
  end
end

--- The text about a topic; or nil and a message that names the nearest.
function topics.text(word)
  local page = PAGES[word:lower() == "report" and "columns" or word:lower()]
  if page then return page() end
  if word:sub(1, 1) == "-" then
    local text = option_text(word)
    if text then return text end
  end
  local keys = explain.keys()
  local parts = { of_kind(word), of_key(word, keys), metric_text(word), of_file(word) }
  local found = {}
  for i = 1, 4 do found[#found + 1] = parts[i] end
  if found[1] then return table.concat(found, "\n") end
  local text = option_text(word)
  if text then return text end
  local near = word:find("%w%.%w") and near_key(word) or spelling.find(word, names()) or near_key(word)
  return nil, ("help %s: unknown; %s"):format(word, near and "did you mean " .. near .. "?"
    or "oracle help keys, columns, policies, options and flags list what there is")
end

return topics
