--- The live page of a server: an HTML file with the look and the charts of reports, which asks /live.json every second.
local lazy = require "oracle.lazy"
local html = lazy "oracle.result.html"
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
  local library = html.chart_library() or ""              -- without it the numbers are there, and no charts
  return table.concat { HEAD, html.asset "page.css", BODY, library, "\n</script>\n<script>\n", html.asset "charts.js",
                        "\n</script>\n<script>\n", paths.read(paths.path(FOLDER .. "live.js")),
                        "</script>\n</body>\n</html>\n" }
end

return page
