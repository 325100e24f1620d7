--- What `oracle --help` and `oracle COMMAND --help` print.
local lazy = require "oracle.lazy"
local flags = lazy "oracle.formats.flags"
local options = require "oracle.command.options"
local schema = lazy "oracle.scenario.schema"
local sweep = lazy "oracle.command.sweep"
local version = require "oracle.version"

local help = {}

local function of_all()
  local lines = {
    "usage: oracle SCENARIO.lua [options]",
    "       oracle COMMAND ...",
    "       oracle                   a prompt; reads Lua where input is no terminal",
    "",
    "Predicts how an LLM serving deployment behaves. Follows vLLM " .. version.vllm .. " (V1) and its defaults.",
    "",
    "commands:",
  }
  for _, c in ipairs(options.COMMANDS) do lines[#lines + 1] = ("  %-24s %s"):format(c[1] .. " " .. c[2], c[3]) end
  lines[#lines + 1] = ""
  lines[#lines + 1] = "options:"
  for _, o in ipairs(options.LIST) do
    local name = (o.short and o.short .. ", " or "") .. o[1] .. (o.value and " " .. o.value or "")
    lines[#lines + 1] = ("  %-24s %s"):format(name, o.doc)
  end
  lines[#lines + 1] = ""
  lines[#lines + 1] = "a deployment in flags, instead of a file (defaults in brackets):"
  for _, o in ipairs(flags.options()) do
    lines[#lines + 1] = ("  %-24s %s"):format(o[1], o.doc)
  end
  lines[#lines + 1] = ""
  lines[#lines + 1] = "`oracle run --help` lists the keys of a scenario."
  return table.concat(lines, "\n") .. "\n"
end

local function of_command(name)
  local lines = {}
  for _, c in ipairs(options.COMMANDS) do
    if c[1] == name then
      lines = { ("usage: oracle %s%s [options]"):format(c[1], c[2] ~= "" and " " .. c[2] or ""), "",
                c[3]:sub(1, 1):upper() .. c[3]:sub(2) .. ".", "", "options:" }
    end
  end
  for _, o in ipairs(options.LIST) do
    if not o.of or o.of[name] then
      lines[#lines + 1] = ("  %-28s %s"):format((o.short and o.short .. ", " or "") .. o[1] .. (o.value and " "
        .. o.value or ""), o.doc)
    end
  end
  return table.concat(lines, "\n") .. "\n"
end

local function of_run()
  local lines = { "usage: oracle run SCENARIO.lua [options]", "",
                  "Keys of a scenario, for the file and for --set KEY=VALUE, with their defaults:" }
  for _, key in ipairs(schema.describe()) do
    lines[#lines + 1] = ("  %-32s %-12s %s"):format(table.unpack(key)):gsub("%s+$", "")
  end
  lines[#lines + 1] = ""
  lines[#lines + 1] = "Quantities are numbers in SI units or strings with a unit: \"50 ms\", \"12 req/s\", \"80 GiB\"."
  return table.concat(lines, "\n") .. "\n"
end

--- The text for a command; without one, that of the program.
function help.text(command)
  if command == "run" then return of_run() end
  if command == "sweep" then return sweep.help() end
  return command and of_command(command) or of_all()
end

return help
