--- Reports: one HTML file that opens by itself, without a network. It holds a document as JSON, the scripts that show
-- it (page.js, and charts.js over Chart.js, which comes from the package libjs-chart.js when oracle is built), and its
-- style.
--
-- A document: { title =, subtitle =, badges = { { text =, state = }, ... }, notices = { { text = or list =, state = },
--   ... }, sections = { { id =, title =, about =, parts = { part, ... } }, ... }, footer = }. `state` is "good", "warn"
--   or "bad".
-- A part is one of
--   { kind = "cards", items = { { label =, value =, unit =, note =, state = }, ... } }
--   { kind = "chart", figure = of oracle.text.figure, wide = true, tall = true }
--   { kind = "table", title =, about =, columns = { { name =, unit = }, ... }, rows = { { ... }, ... }, sortable =,
--     named = the first column names the row, choose = the column that a reader may choose by (from 0), wide = }
--   { kind = "text", title =, text = }, { kind = "code", title =, text = }
local core = require "oracle.core"
local figure = require "oracle.text.figure"
local paths = require "oracle.text.paths"

local html = {}

local FOLDER = "lua/oracle/result/html/"
local CHARTS = "build/report/chart.js"

local HEAD = [[
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="oracle">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:">
]]

local REST = [[
<noscript><p>This report is shown by the script in this file, which the browser was told not to run.</p></noscript>
<div id="page"></div>
]]

local ESCAPES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }

--- Text as HTML.
function html.escape(text)
  return (text:gsub('[&<>"]', ESCAPES))
end

--- JSON that may stand in a script element: nothing in it ends that, or begins a comment.
function html.json(t)
  return (core.json.encode(t):gsub("<", "\\u003c"))
end

--- The text of one of the page's own files: page.css, page.js or charts.js.
function html.asset(name)
  return paths.read(paths.path(FOLDER .. name))
end

--- Chart.js with its licence, as it was built in.
-- @return the text; or nil and why there is none
function html.chart_library()
  local ok, text = pcall(paths.read, paths.path(CHARTS))
  if ok then return text end
  return nil, "oracle was built without Chart.js (install the package libjs-chart.js, then make build)"
end

-- Of figures only what a page draws; lists are lists where they are empty, too.
local function plain(document)
  for _, key in ipairs { "notices", "badges" } do setmetatable(document[key] or {}, core.json.array) end
  for _, section in ipairs(document.sections) do
    for _, part in ipairs(section.parts) do
      if part.figure then part.figure = figure.plain(part.figure) end
    end
  end
  return document
end

--- A page around a document.
-- @return the text in pieces: function() -> the next one or nil, as output:write takes it; or nil and why there is none
function html.page(document)
  local library, why = html.chart_library()
  if not library then return nil, why end
  local pieces = {
    HEAD, "<title>", html.escape(document.title), " - oracle</title>\n",
    "<style>\n", html.asset "page.css", "</style>\n</head>\n<body>\n",
    REST, '<script type="application/json" id="document">', html.json(plain(document)), "</script>\n",
    "<script>\n", library, "</script>\n<script>\n", html.asset "charts.js", "</script>\n",
    "<script>\n", html.asset "page.js", "</script>\n</body>\n</html>\n",
  }
  local i = 0
  return function()
    i = i + 1
    return pieces[i]
  end
end

return html
