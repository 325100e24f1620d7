--- Completion for shells, from the same tables that read the command line: tools/completions.lua bash|zsh.
-- What it prints belongs into share/bash-completion/completions/oracle or share/zsh/site-functions/_oracle.
local catalog = require "oracle.models.catalog"
local finder = require "oracle.text.finder"
local flags = require "oracle.formats.flags"
local options = require "oracle.command.options"
local policies = require "oracle.policy"
local schema = require "oracle.scenario.schema"
require "oracle"

-- Options whose value is a name; the others take a file where the value is called FILE.
local NAMES = { ["--gpus"] = "hardware", ["--xpu"] = "hardware", ["--model"] = "models", ["--set"] = "keys",
                ["--over"] = "keys", ["--system"] = "systems", ["--fit"] = "fits" }

local function kinds()
  local list = { "policy", "workload" }
  for _, k in ipairs(policies.KINDS) do list[#list + 1] = k.kind end
  return table.concat(list, " ")
end

-- Words that may follow a command, beside files.
local WORDS = { show = "model hardware", models = "@models", hardware = "@hardware", help = "@topics",
                compare = "@systems", new = kinds(), check = "policy workload" }

local function keys()
  local list, seen = {}, {}
  for _, row in ipairs(schema.describe()) do
    if not row[1]:find " " and not seen[row[1]] then list[#list + 1], seen[row[1]] = row[1], true end
  end
  return list
end

local function fits()
  local list = { "none" }
  for name in io.popen("ls models/fits"):lines() do list[#list + 1] = name:match "^(.*)%.json$" end
  return list
end

local function topics()
  local list = {}
  for _, c in ipairs(options.COMMANDS) do list[#list + 1] = c[1] end
  return table.move(keys(), 1, 1e4, #list + 1, list)
end

-- Lists that are known when this is made. Models are many: the shell asks the index that is installed.
local LISTS = { keys = keys, systems = function() return finder.names "system" end, fits = fits, topics = topics,
                hardware = function() return catalog.names "hardware" end }

local function commands()
  local names = {}
  for i, c in ipairs(options.COMMANDS) do names[i] = c[1] end
  return names
end

-- The options of a command: those of the table, and of `run` a deployment in flags.
local function options_of(command)
  local list = {}
  for _, o in ipairs(options.LIST) do
    if (not o.of or o.of[command]) and not (o.hidden and o.hidden[command]) then list[#list + 1] = o end
  end
  for _, o in ipairs(command == "run" and flags.options() or {}) do list[#list + 1] = o end
  return list
end

local function words_of(o)
  local list = table.move(o.choice or {}, 1, #(o.choice or {}), 1, {})
  if o.beside then list[#list + 1] = o.beside[1] end
  return list
end

-- ---- bash ----

local BASH = [=[
# bash completion of oracle, made by tools/completions.lua
_oracle_models() {
  local home
  home=$(dirname -- "$(readlink -f -- "$(type -P oracle)" 2>/dev/null)" 2>/dev/null) || return
  [ -r "$home/models/index.txt" ] || home=$home/../share/oracle
  awk -F '\t' '$1 == "llm" { print $3; print $4 }' "$home/models/index.txt" 2>/dev/null
}

_oracle_words() {
  case $1 in
    models) _oracle_models ;;
@LISTS@  esac
}

_oracle() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command= at words= i
  local commands=" @COMMANDS@ "
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case $commands in *" ${COMP_WORDS[i]} "*) command=${COMP_WORDS[i]} at=$i; break ;; esac
  done
  case ${command:-run}:$prev in
@VALUES@  esac
  if [ "${cur#-}" != "$cur" ]; then
    case ${command:-run} in
@OPTIONS@    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
    return
  fi
  if [ -z "$command" ]; then
    mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$cur"; compgen -f -- "$cur")
    return
  fi
  case $command:${COMP_WORDS[at + 1]} in
    show:model) [ "$((at + 1))" -lt "$COMP_CWORD" ] && words=$(_oracle_words models) ;;
    show:hardware) [ "$((at + 1))" -lt "$COMP_CWORD" ] && words=$(_oracle_words hardware) ;;
  esac
  if [ -z "$words" ]; then
    case $command in
@WORDS@    esac
  fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur"; compgen -f -- "$cur")
}

complete -o filenames -F _oracle oracle ./oracle
]=]

local function line(indent, text, ...)
  return (" "):rep(indent) .. text:format(...) .. "\n"
end

-- What completes the value of an option, as a shell statement.
local function bash_value(o)
  local words, list = words_of(o), NAMES[o[1]]
  if words[1] then
    return ('mapfile -t COMPREPLY < <(compgen -W "%s" -- "$cur"); return'):format(table.concat(words, " "))
  end
  if o[1] == "--set" then
    return 'compopt -o nospace; mapfile -t COMPREPLY < <(compgen -S = -W "$(_oracle_words keys)" -- "$cur"); return'
  end
  if list then
    return ('mapfile -t COMPREPLY < <(compgen -W "$(_oracle_words %s)" -- "$cur"; compgen -f -- "$cur"); return')
      :format(list)
  end
  if o.value == "FILE" then return 'mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return' end
  return "return"
end

local function names_of(o)
  return o.short and o.short .. "|" .. o[1] or o[1]
end

local function bash()
  local lists, values, of, words = {}, {}, {}, {}
  for _, name in ipairs { "fits", "hardware", "keys", "systems", "topics" } do
    lists[#lists + 1] = line(4, "%s) echo '%s' ;;", name, table.concat(LISTS[name](), " "))
  end
  for _, command in ipairs(commands()) do
    local names = {}
    for _, o in ipairs(options_of(command)) do
      names[#names + 1] = o[1]
      if o.value then
        local patterns = {}
        for name in names_of(o):gmatch "[^|]+" do patterns[#patterns + 1] = command .. ":" .. name end
        values[#values + 1] = line(4, "%s) %s ;;", table.concat(patterns, "|"), bash_value(o))
      end
    end
    of[#of + 1] = line(6, "%s) words='%s' ;;", command, table.concat(names, " "))
    local own = WORDS[command]
    if own then
      local list = own:match "^@(.+)$"
      words[#words + 1] = line(6, "%s) words=%s ;;", command,
        list and ("$(_oracle_words %s)"):format(list) or "'" .. own .. "'")
    end
  end
  return (BASH:gsub("@(%u+)@", { COMMANDS = table.concat(commands(), " "), LISTS = table.concat(lists),
                                 VALUES = table.concat(values), OPTIONS = table.concat(of),
                                 WORDS = table.concat(words) }))
end

-- ---- zsh ----

local ZSH = [=[
#compdef oracle
# zsh completion of oracle, made by tools/completions.lua
_oracle_models() {
  local home=${commands[oracle]:A:h}
  [[ -r $home/models/index.txt ]] || home=$home/../share/oracle
  compadd -- ${(f)"$(awk -F '\t' '$1 == "llm" { print $3; print $4 }' $home/models/index.txt 2>/dev/null)"}
}

_oracle_list() {
  local list=$1
  shift
  case $list in
    models) _oracle_models ;;
@LISTS@  esac
}

_oracle() {
  local -a names
  local command=run word
  names=(
@COMMANDS@  )
  for word in ${words[2,CURRENT-1]}; do
    if (( ${names[(I)$word:*]} )); then command=$word; break; fi
  done
  if [[ $PREFIX != -* && $CURRENT -eq 2 ]]; then
    _describe command names
    _files
    return
  fi
  case $command in
@OPTIONS@  esac
}

_oracle "$@"
]=]

local function quoted(text)
  return (text:gsub("'", "'\\''"):gsub("[%[%]:]", "\\%0"))
end

local function zsh_value(o)
  if not o.value then return "" end
  local words, list = words_of(o), NAMES[o[1]]
  local what = ":" .. quoted(o.value) .. ":"
  if words[1] then return what .. "(" .. table.concat(words, " ") .. ")" end
  if o[1] == "--set" then return what .. "{_oracle_list keys -S =}" end
  if list then return what .. ("{_oracle_list %s}"):format(list) end
  return what .. (o.value == "FILE" and "_files" or " ")
end

local function zsh()
  local lists, of, described = {}, {}, {}
  for _, name in ipairs { "fits", "hardware", "keys", "systems", "topics" } do
    lists[#lists + 1] = line(4, '%s) compadd "$@" -- %s ;;', name, table.concat(LISTS[name](), " "))
  end
  for i, c in ipairs(options.COMMANDS) do described[i] = line(4, "'%s:%s'", c[1], quoted(c[3])) end
  for _, command in ipairs(commands()) do
    local lines = { line(4, "%s) _arguments \\", command) }
    for _, o in ipairs(options_of(command)) do
      local text = ("[%s]%s"):format(quoted(o.doc), zsh_value(o))
      local repeats = o.list and "*" or ""
      lines[#lines + 1] = line(6, "'%s%s%s' \\", repeats, o[1], text)
      if o.short then lines[#lines + 1] = line(6, "'%s%s%s' \\", repeats, o.short, text) end
    end
    local own = WORDS[command]
    local rest = own and (own:match "^@" and ("{_oracle_list %s; _files}"):format(own:sub(2))
      or ("{compadd -- %s; _files}"):format(own)) or "_files"
    if command == "show" then rest = "{compadd -- model hardware; _oracle_list models; _oracle_list hardware}" end
    lines[#lines + 1] = line(6, "'*:file:%s' ;;", rest)
    of[#of + 1] = table.concat(lines)
  end
  return (ZSH:gsub("@(%u+)@", { COMMANDS = table.concat(described), LISTS = table.concat(lists),
                                OPTIONS = table.concat(of) }))
end

local SHELLS = { bash = bash, zsh = zsh }
local made = SHELLS[arg[1]]
if not made then error("completions: bash or zsh expected", 0) end
io.write(made())
