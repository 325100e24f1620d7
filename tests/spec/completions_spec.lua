--- Completion of shells and the manual page: made from the tables of the command line, and complete.
require "oracle"
local flags = require "oracle.formats.flags"
local options = require "oracle.command.options"

local function shell(command)
  local p = assert(io.popen("(" .. command .. ") 2>&1"))
  local out = p:read "a"
  local _, _, code = p:close()
  return out, code
end

local function read(path)
  local f = assert(io.open("build/share/" .. path))
  local text = f:read "a"
  f:close()
  return text
end

local BASH, ZSH = "bash-completion/completions/oracle", "zsh/site-functions/_oracle"

setup(function()
  local log, built = shell "make shared"
  assert(built == 0, log)
end)

-- What bash offers where a line ends in its last word.
local function bash(...)
  local words = { "oracle", ... }
  for i, word in ipairs(words) do words[i] = "'" .. word .. "'" end
  local out = shell(("bash -c 'PATH=$PWD:$PATH; source build/share/%s; compopt() { :; }; COMP_WORDS=(%s); "
    .. "COMP_CWORD=%d; _oracle; printf \"%%s\\n\" \"${COMPREPLY[@]}\"'"):format(BASH,
    table.concat(words, " "):gsub("'", "\"\"\""):gsub("\"\"\"", "\""), #words - 1))
  local has = {}
  for line in out:gmatch "[^\n]+" do has[line] = true end
  return has, out
end

describe("completion in bash", function()
  it("offers every command, and every option of each", function()
    local has = bash("")
    for _, c in ipairs(options.COMMANDS) do
      assert.is_true(has[c[1]], c[1])
      local of, text = bash(c[1], "--")
      for _, o in ipairs(options.LIST) do
        local hidden = o.hidden and o.hidden[c[1]]
        if not o.of or o.of[c[1]] and not hidden then assert.is_true(of[o[1]], c[1] .. " " .. o[1] .. "\n" .. text) end
        if o.of and not o.of[c[1]] and c[1] ~= "run" then assert.is_nil(of[o[1]], c[1] .. " " .. o[1]) end
      end
    end
    local of = bash("x.lua", "--")
    for _, o in ipairs(flags.options()) do assert.is_true(of[o[1]], o[1]) end
  end)

  it("offers what an option takes", function()
    assert.is_true(bash("run", "x.lua", "--lod", "")["high"])
    assert.is_true(bash("run", "--set", "engine.max_num_s")["engine.max_num_seqs="])
    assert.is_true(bash("plan", "--gpus", "h100")["h100-sxm"])
    assert.is_true(bash("plan", "--model", "llama-3.1-8")["llama-3.1-8b"])
    assert.is_true(bash("show", "model", "llama-3.1-8")["llama-3.1-8b"])
    assert.is_true(bash("show", "hardware", "h100")["h100-sxm"])
    assert.is_true(bash("compare", "sgl")["sglang"])
    assert.is_true(bash("scenarios/quick")["scenarios/quickstart.lua"])
    assert.is_true(bash("run", "x.lua", "--json", "README")["README.md"])
    assert.same({}, (bash("run", "--seed", "")))
  end)
end)

describe("completion in zsh", function()
  it("is zsh, and names every option of every command", function()
    local text = read(ZSH)
    for i, c in ipairs(options.COMMANDS) do
      local next_one = options.COMMANDS[i + 1]
      local from = assert(text:find("\n    " .. c[1] .. ") _arguments", 1, true), c[1])
      local to = next_one and text:find("\n    " .. next_one[1] .. ") _arguments", 1, true) or #text
      local own = text:sub(from, to)
      for _, o in ipairs(options.LIST) do
        if (not o.of or o.of[c[1]]) and not (o.hidden and o.hidden[c[1]]) then
          assert.is_truthy(own:find(o[1] .. "[", 1, true), c[1] .. " " .. o[1])
        end
      end
    end
    if select(2, shell "command -v zsh") ~= 0 then return pending "zsh is not installed" end
    assert.same({ "", 0 }, { shell("zsh -n build/share/" .. ZSH) })
  end)
end)

describe("the manual page", function()
  it("has every command and option, and is what man reads without a warning", function()
    local text = read "man/man1/oracle.1"
    local plain = text:gsub("\\%-", "-")
    for _, c in ipairs(options.COMMANDS) do assert.is_truthy(plain:find("\\fB" .. c[1], 1, true), c[1]) end
    for _, list in ipairs { options.LIST, flags.options() } do
      for _, o in ipairs(list) do assert.is_truthy(plain:find(o[1], 1, true), o[1]) end
    end
    if select(2, shell "command -v man && command -v groff") ~= 0 then return pending "man is not installed" end
    local out, code = shell "LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -l build/share/man/man1/oracle.1 | col -b"
    assert.equal(0, code, out)
    assert.matches("\nEXIT STATUS\n", out)
    assert.not_matches("warning:", out)
  end)
end)
