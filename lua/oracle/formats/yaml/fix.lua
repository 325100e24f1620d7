--- `oracle validate --fix`: the mistakes whose meaning is plain, mended in the text itself, so that comments stay.
local document = require "oracle.formats.document"
local problems = require "oracle.formats.problems"

local fix = {}

local function replace(edits, span, text)
  edits[#edits + 1] = { from = span[1], to = span[2], text = text }
end


local KINDS = {}

function KINDS.lognormal(edits, f, marks)
  local mean, sigma = marks[problems.join(f.path, "mean")], marks[problems.join(f.path, "sigma")]
  if not (mean and mean.key and mean.value) then return nil end
  replace(edits, mean.key, "median")
  if not (sigma and sigma.key and sigma.value) then      -- its spread stays the default, sigma 1
    return ("%s: a token count in log space; now the median"):format(f.path)
  end
  replace(edits, mean.value, ("%.6g"):format(f.median))
  replace(edits, sigma.key, "p99")
  replace(edits, sigma.value, ("%.6g"):format(f.p99))
  return ("%s: token counts in log space; now median %.6g, p99 %.6g"):format(f.path, f.median, f.p99)
end

function KINDS.rename(edits, f, marks, quoted)
  local mark = marks[f.path]
  if not (mark and mark.key) then return nil end
  replace(edits, mark.key, quoted and ('"%s"'):format(f.to) or f.to)
  return ("%s: unknown key; now %s"):format(f.path, f.to)
end


-- Spans count characters, strings count bytes.
local function byte(text, character)
  return utf8.offset(text, character + 1) or #text + 1
end

local function apply(text, edits)
  table.sort(edits, function(a, b) return a.from > b.from end)
  for _, e in ipairs(edits) do
    text = text:sub(1, byte(text, e.from) - 1) .. e.text .. text:sub(byte(text, e.to))
  end
  return text
end

--- Mend what was offered.
-- @param text the file's content
-- @param config of oracle.formats.yaml.parse
-- @return the new text and what was done, one line each
function fix.apply(text, config)
  local marks = config.problems.marks
  local quoted = config.format == "json"
  if quoted then marks = document.marks(text) end
  local edits, done = {}, {}
  for _, f in ipairs(marks and config.problems.fixes or {}) do
    local mine = {}
    local what = KINDS[f.kind](mine, f, marks, quoted)
    if what then
      if quoted and f.kind == "lognormal" then
        for _, e in ipairs(mine) do
          if e.text:match("^[mp]") then e.text = ('"%s"'):format(e.text) end
        end
      end
      table.move(mine, 1, #mine, #edits + 1, edits)
      done[#done + 1] = what
    end
  end
  return apply(text, edits), done
end

return fix
