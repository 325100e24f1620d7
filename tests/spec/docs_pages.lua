--- Pages of docs that show commands and what they print: each ```sh block that a ```text block follows. The text is
-- what the commands write to stdout, which their scenario and seed alone decide; "```text 12" shows twelve lines of it.
-- `make pages` writes the texts anew (tools/pages.lua), and docs_pages_spec.lua compares; "```sh slow" is left to the
-- former.
local pages = { PATHS = { "docs/tour.md", "docs/lists.md" } }
local home = ""                                           -- ORACLE_HOME of what a page says

local function shell(command)
  local p = assert(io.popen(command))
  local out = p:read "a"
  local _, _, code = p:close()
  return out, code
end

for path in shell("ls docs/cookbook/*.md"):gmatch "[^\n]+" do table.insert(pages.PATHS, path) end

function pages.read(path)
  local f = assert(io.open(path))
  local text = f:read "a"
  f:close()
  return text
end

--- A folder where `oracle` is the program under test and scenarios/ lies.
-- @param bin its path
function pages.folder(bin)
  local dir, root = shell("mktemp -d"):gsub("\n", ""), shell("pwd"):gsub("\n", "")
  shell(("ln -s '%s' '%s/oracle'; ln -s '%s/scenarios' '%s/scenarios'"):format(
    bin:sub(1, 1) == "/" and bin or root .. "/" .. bin, dir, root, dir))
  home = bin:find "build/" and root or ""                 -- another variant has no Lua beside it
  return dir
end

--- The blocks of a page in order.
-- @return a list of { language =, text =, slow =, lines = of the text that are shown, or nil, shown = the text block
--   behind an sh block, nil without one }
function pages.blocks(text)
  local list = {}
  for language, more, body in text:gmatch "\n```(%l+) ?(%w*)\n(.-)\n```" do
    local before = list[#list]
    if language == "text" and before and before.language == "sh" then
      before.shown, before.lines = body, tonumber(more)
    else
      list[#list + 1] = { language = language, text = body, slow = more == "slow" }
    end
  end
  return list
end

--- Do what a block says, in a folder: a block of Lua goes to the file that its first line names.
-- @return what it printed, as the page shows it, the exit status, and stderr
function pages.obey(block, dir)
  if block.language == "lua" then
    local name = block.text:match "^%-%- ([%w_]+%.lua)"
    if name then
      local f = assert(io.open(dir .. "/" .. name, "w"))
      f:write(block.text, "\n")
      f:close()
      return "", 0, ""
    end
    return pages.obey({ language = "sh", text = ("oracle <<'LINES'\n%s\nLINES"):format(block.text) }, dir)
  end
  local script = block.text:gsub("'", "'\\''")
  local command = "cd '%s' && PATH=\"$PWD:$PATH\" ORACLE_HOME='%s' LC_ALL=C.UTF-8 bash -ec '%s' 2>err </dev/null"
  local out, code = shell(command:format(dir, home, script))
  out = out:gsub("%s+$", "")
  if block.lines then
    local kept, n = {}, 0
    for line in (out .. "\n"):gmatch "([^\n]*)\n" do
      n = n + 1
      if n > block.lines then break end
      kept[n] = line
    end
    if n > block.lines then kept[#kept + 1] = "..." end
    out = table.concat(kept, "\n")
  end
  return out, code, pages.read(dir .. "/err")
end

return pages
