--- Pages of reports as tests look at them: their document, and what a browser without a window makes of them.
local json = require("oracle.core").json

local pages = {}

--- The document that a page holds.
function pages.document(text)
  return json.decode(assert(text:match '<script type="application/json" id="document">(.-)</script>'))
end

--- All parts of a document by kind, in order.
function pages.parts(document, kind)
  local list = {}
  for _, section in ipairs(document.sections) do
    for _, part in ipairs(section.parts) do
      if part.kind == kind then list[#list + 1] = part end
    end
  end
  return list
end

--- The part that has a title, its own or its figure's.
function pages.titled(document, title)
  for _, section in ipairs(document.sections) do
    for _, part in ipairs(section.parts) do
      if (part.figure and part.figure.title or part.title) == title then return part end
    end
  end
end

-- What a page is asked once it is there: is something drawn in each chart, what does the keyboard do, what is named?
local PROBE = [[
<script>
(function () {
  const out = { ready: Number(document.documentElement.dataset.ready), charts: 0, blank: [], unnamed: 0, spoken: "",
                zoomed: false };
  for (const c of document.querySelectorAll(".chart canvas")) {
    out.charts++;
    const px = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
    const seen = new Set();
    for (let i = 0; i < px.length; i += 4)
      if (px[i + 3] > 40) seen.add((px[i] >> 4) << 8 | (px[i + 1] >> 4) << 4 | px[i + 2] >> 4);
    if (seen.size < 3) out.blank.push(c.getAttribute("aria-label"));
    if (!c.getAttribute("aria-label") || c.getAttribute("role") !== "img" || c.tabIndex !== 0) out.unnamed++;
  }
  const first = document.querySelector(".chart canvas");
  const press = key => first.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  press("ArrowRight");
  press("End");
  out.spoken = document.getElementById("chart-values").textContent;
  document.querySelectorAll("button, select, input").forEach(b => {
    if (!b.textContent.trim() && !b.getAttribute("aria-label")) out.unnamed++;
  });
  document.querySelectorAll(".tools button").forEach(b => { if (!b.getAttribute("aria-label")) out.unnamed++; });
  const plus = document.querySelector('.tools button[title="Zoom in"]');
  if (plus) {
    document.querySelectorAll(".chart").forEach(c => c.addEventListener("zoomed", () => { out.zoomed = true; }));
    plus.click();
    document.querySelector('.tools button[title="Show all"]').click();
  }
  const sort = document.querySelector("th button");
  if (sort) { sort.click(); out.sorted = sort.parentElement.getAttribute("aria-sort"); }
  document.querySelectorAll("details.data").forEach(d => { d.open = true; });
  document.querySelector(".bar button").click();
  out.theme = document.documentElement.dataset.theme;
  out.wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  setTimeout(() => {
    out.tables = document.querySelectorAll("details.data table").length;
    const pre = document.createElement("pre");
    pre.id = "probe";
    pre.textContent = JSON.stringify(out);
    document.body.append(pre);
  }, 50);
})();
</script>
]]

local ENTITIES = { quot = '"', lt = "<", gt = ">", amp = "&" }

--- Whether there is a browser to look with, and this is the build that is looked at.
-- @return its command; or nil and why there is none
function pages.browser()
  if (os.getenv "ORACLE_BIN" or ""):find "build/san" then return nil, "a browser is not run under sanitizers" end
  for _, name in ipairs { "chromium", "chromium-browser", "google-chrome" } do
    if os.execute(("command -v %s >/dev/null 2>&1"):format(name)) then return name end
  end
  return nil, "no chromium on this machine"
end

--- Open a page and ask it.
-- @param dir of files that may be left
-- @param size such as "1280,900"
-- @return what PROBE found, and what the page wrote to the console
function pages.look(browser, dir, text, size)
  local path = dir .. "/probed.html"
  local f = assert(io.open(path, "w"))
  f:write((text:gsub("</body>", function() return PROBE .. "</body>" end)))
  f:close()
  os.execute(("timeout 60 %s --headless --no-sandbox --disable-gpu --user-data-dir='%s/profile' --window-size=%s "
    .. "--virtual-time-budget=4000 --enable-logging=stderr --dump-dom 'file://%s' >'%s/dom' 2>'%s/log'")
    :format(browser, dir, size or "1280,900", path, dir, dir))
  local dom, log, console = assert(io.open(dir .. "/dom")):read "a", assert(io.open(dir .. "/log")):read "a", {}
  for line in log:gmatch "[^\n]*CONSOLE[^\n]*" do console[#console + 1] = line end
  local found = dom:match '<pre id="probe">(.-)</pre>'
  assert(found, "the page did not come to its end: " .. log:sub(-600))
  return json.decode((found:gsub("&(%l+);", ENTITIES))), console
end

return pages
