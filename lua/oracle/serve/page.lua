--- The live page of a server: an HTML file with the look and the charts of reports, which asks /live.json every second.
local lazy = require "oracle.lazy"
local html = lazy.optional "oracle.result.html"
local paths = require "oracle.text.paths"

local page = {}

local FOLDER = "lua/oracle/serve/"

local HEAD = [[
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>oracle serve</title>
<style>
]]

local BODY = [[
</style>
</head>
<body>
<noscript><p>This page is shown by the script in it, which the browser was told not to run.</p></noscript>
<div id="page"></div>
<script>
]]

--- The text of it.
function page.text()
  local h = html()
  local pieces = { HEAD, h and h.asset "page.css" or "", BODY }
  if h then
    pieces[#pieces + 1] = (h.chart_library() or "") .. "\n</script>\n<script>\n" .. h.asset "charts.js"
      .. "\n</script>\n<script>\n"
  end
  pieces[#pieces + 1] = paths.read(paths.path(FOLDER .. "live.js"))
  pieces[#pieces + 1] = "</script>\n</body>\n</html>\n"
  return table.concat(pieces)
end

return page
