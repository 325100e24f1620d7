--- `oracle --help`, `oracle COMMAND --help`, `oracle help TOPIC`: each a screen.
local lazy = require "oracle.lazy"
local console = require "oracle.text.console"
local files = lazy "oracle.command.files"
local options = require "oracle.command.options"
local sweep = lazy "oracle.command.sweep"
local systems = lazy "oracle.system"
local topics = lazy "oracle.command.topics"
local ui = require "oracle.command.ui"
local version = require "oracle.version"

local help = {}

local WIDTH = 80

local function entry(name, width, doc)
  local left = ("  %-" .. width .. "s "):format(name)
  return left .. console.brief(doc, WIDTH - utf8.len(left))
end

local function of_all()
  local lines = { "usage: oracle SCENARIO.lua [options]    oracle COMMAND ...    oracle: the prompt",
                  ("Predicts how LLM serving behaves; follows vLLM %s (V1) and its defaults."):format(version.vllm),
                  "" }
  for _, c in ipairs(options.COMMANDS) do lines[#lines + 1] = entry(c[1], 15, c[3]) end
  lines[#lines + 1] = ""
  lines[#lines + 1] = "oracle COMMAND --help: options of a command; oracle help NAME: a scenario's key,"
  lines[#lines + 1] = "option, policy, metric; oracle help keys | columns | policies | options | flags"
  return table.concat(lines, "\n") .. "\n"
end

-- What most commands share; named in one line where the others leave room for no more.
local COMMON = { help = true, version = true, quiet = true, level = true, no_runs = true, threads = true, lod = true,
                 fit = true, force = true, strict = true, seed = true }

local function name_of(o)
  return (o.short and o.short .. ", " or "") .. o[1] .. (o.value and " " .. o.value or "")
end

local SCREEN, ROOM = 24, 25                               -- lines; characters of an option and its value

-- What is said of an option in the help of one command: without the words that are of another.
local function doc_of(o, name)
  return (o.doc:gsub("^" .. name:gsub("%p", "%%%0") .. "[^:]-: ", ""))
end

-- In full where a screen holds it, else in a line each.
local function options_of(name, lines, full)
  local also = {}
  for _, o in ipairs(options.LIST) do
    if (not o.of or o.of[name]) and not (o.hidden and o.hidden[name]) then
      if COMMON[o.key] then
        also[#also + 1] = (o.short and o.short .. " " or "") .. o[1]
      else
        local doc = doc_of(o, name)
        local first = ("  %-" .. ROOM .. "s "):format(name_of(o))
        local text = full and console.wrapped(first, doc, (" "):rep(#first)) or entry(name_of(o), ROOM, doc)
        for line in text:gmatch "[^\n]+" do lines[#lines + 1] = line end
      end
    end
  end
  for line in console.wrapped("  also: ", table.concat(also, ", "), "    "):gmatch "[^\n]+" do
    lines[#lines + 1] = line
  end
end

-- What a command's own page adds.
local NOTES = {
  run = function()
    return console.wrapped("engine.system: ", table.concat(systems.names(), ", "), "  ")
      .. "`oracle help keys` lists a scenario's keys; one of them is explained by, say,\n"
      .. "`oracle help engine.max_num_batched_tokens`; `oracle help flags`: a deployment\n"
      .. "in flags, in place of a file.\n"
  end,
}

local function of_command(name, full)
  local lines = {}
  for _, c in ipairs(options.COMMANDS) do
    if c[1] == name then
      lines[1] = ("usage: oracle %s%s [options]"):format(c[1], c[2] ~= "" and " " .. c[2] or "")
      for text in console.wrapped("", c[3]:sub(1, 1):upper() .. c[3]:sub(2) .. ".", ""):gmatch "[^\n]+" do
        lines[#lines + 1] = text
      end
    end
  end
  options_of(name, lines, full)
  for line in (NOTES[name] and NOTES[name]() or ""):gmatch "[^\n]+" do lines[#lines + 1] = line end
  lines[#lines + 1] = "`oracle help --OPTION` says more of an option."
  if full and #lines > SCREEN then return of_command(name, false) end
  return table.concat(lines, "\n") .. "\n"
end

-- Its page is its own, but for the options that it shares with others.
local function of_sweep()
  local text, also = sweep.help(), {}
  for _, o in ipairs(options.LIST) do
    local is = (not o.of or o.of.sweep) and not (o.hidden and o.hidden.sweep)
    if is and not text:find(o[1]:gsub("%-", "%%-") .. "%f[^%w-]") then
      also[#also + 1] = (o.short and o.short .. " " or "") .. o[1]
    end
  end
  local at = text:find "\nA point"
  return text:sub(1, at) .. console.wrapped("  also: ", table.concat(also, ", "), "    ") .. text:sub(at + 1)
end

--- The text for a command; without one, that of the program.
function help.text(command)
  if command == "sweep" then return of_sweep() end
  return command and of_command(command, true) or of_all()
end

--- `oracle help [TOPIC]`.
function help.run(asked)
  local word = asked.files[1]
  if #asked.files > 1 then ui.misuse("help: one topic at a time, such as oracle help %s", word) end
  local text, why
  for _, c in ipairs(options.COMMANDS) do
    if c[1] == word then text = help.text(word) end
  end
  if not word then text = of_all() end
  if not text then text, why = topics.text(word) end
  if not text then ui.misuse("%s", why) end
  files.print(text)
  return true
end

return help
