--- The manual page oracle(1), from the tables that read the command line: tools/manual.lua > oracle.1
local flags = require "oracle.formats.flags"
local options = require "oracle.command.options"
local version = require "oracle.version"
require "oracle"

-- Text as troff takes it: no word is a request, no hyphen breaks.
local function text(s)
  return (s:gsub("\\", "\\e"):gsub("%-", "\\-"):gsub("^([.'])", "\\&%1"):gsub("`([^`]*)`", "\\fB%1\\fR"))
end

local lines = {}

local function put(...)
  for _, l in ipairs { ... } do lines[#lines + 1] = l end
end

local function entry(head, doc)
  put(".TP", "\\fB" .. text(head) .. "\\fR", text(doc:sub(1, 1):upper() .. doc:sub(2) .. "."))
end

-- A paragraph: one line of troff.
local function paragraph(...) put(text(table.concat({ ... }, " "))) end

put((".TH ORACLE 1 \"\" \"oracle %s\" \"User Commands\""):format(version.oracle),
  ".SH NAME", "oracle \\- simulator of deployments that serve large language models",
  ".SH SYNOPSIS", ".B oracle", "\\fISCENARIO.lua\\fR [\\fIoptions\\fR]", ".br", ".B oracle", "\\fICOMMAND\\fR ...",
  ".br", ".B oracle",
  ".SH DESCRIPTION")
paragraph("Predicts how a deployment of a large language model serves its users: time to first token, time per output",
  "token, throughput, cost, use of memory and GPUs. A scenario is a Lua file, or a configuration in YAML or JSON, that",
  "names a model, accelerators, a serving system's settings and a workload; oracle simulates every request of it.")
put ".PP"
paragraph("It follows vLLM " .. version.vllm .. " and its defaults. Without arguments it is a prompt, which reads Lua",
  "where its input is no terminal.")
put ".SH COMMANDS"
for _, c in ipairs(options.COMMANDS) do entry(c[1] .. (c[2] ~= "" and " " .. c[2] or ""), c[3]) end
put ".SH OPTIONS"
for _, o in ipairs(options.LIST) do
  local with = o.of and "; with " .. table.concat(o.of, ", ") or ""
  entry((o.short and o.short .. ", " or "") .. o[1] .. (o.value and " " .. o.value or ""), o.doc .. with)
end
put(".SH A DEPLOYMENT IN FLAGS", text "In place of a file, with run:")
for _, o in ipairs(flags.options()) do entry(o[1] .. (o.value and " " .. o.value or ""), o.doc) end
put(".SH EXIT STATUS", ".TP", "0", "success", ".TP", "1", "the input or the run failed; one line on stderr says why",
  ".TP", "2", "the command line is wrong", ".TP", "130, 143", "ended by Ctrl\\-C given twice, or SIGTERM",
  ".SH ENVIRONMENT")
entry("ORACLE_DATA", "where traces and measured data are looked for that are neither beside a scenario nor in the "
  .. "current folder")
entry("ORACLE_HOME", "the folder that holds lua/ and models/; without it that of the program, or ../share/oracle "
  .. "from there")
entry("NO_COLOR", "where it is set, nothing is coloured")
entry("XDG_STATE_HOME", "where the prompt keeps its history, oracle_history; else ~/.oracle_history")
put(".SH EXAMPLES", ".nf", text "oracle scenarios/quickstart.lua",
  text "oracle my.lua --set workload.rate=20 --json out.json",
  text "oracle capacity my.lua --slo 'ttft.p99<=1s,tpot.p95<=40ms'",
  text "oracle compare vllm sglang trtllm my.lua", ".fi",
  ".SH SEE ALSO", text "The pages under share/doc/oracle: tutorial, tour, cookbook, and a page for each part.")
io.write(table.concat(lines, "\n"), "\n")
