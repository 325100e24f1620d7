--- What gcov counted of src/: lines and branches of each folder, and the files of which less than 85 % of the lines
-- ran. A line or a branch counts once, in however many programs it was compiled. The branches of ORC_ASSERT are left
-- out: what it is told never to happen cannot be tested. Nothing else is.
-- usage: lua tools/c_lines.lua [-v]     -v: each line that did not run, as file:line
local verbose = arg[1] == "-v"

local function each(command)
  return assert(io.popen(command)):lines()
end

local lines, texts = {}, {} -- file -> line -> { ran, [branch] = taken }

local function line_of(file, n)
  lines[file] = lines[file] or {}
  lines[file][n] = lines[file][n] or { ran = false }
  return lines[file][n]
end

-- One file's listing: "count:number:text", below it "branch N taken P%" of the line; "-" has no code, "#####" did not
-- run.
local function listing(data)
  local file, at, asserted, inner
  for text in each(("gcov -b -t '%s' 2>/dev/null"):format(data)) do
    local source = text:match "^ +%-: +0:Source:(.+)$"
    local count, number, code = text:match "^ *([^ :]+): *(%d+):(.*)$"
    if source then
      file = source:match "^src/" and source or source:match "/(src/.+)$"
      at = nil
    elseif file and count and number ~= "0" then
      at, inner = nil, 0
      if code:find("ORC_ASSERT", 1, true) then asserted = true end
      if count ~= "-" then
        local l = line_of(file, tonumber(number))
        if not count:find "^[#=]" then l.ran = true end
        if not asserted then at = l end
        texts[file .. ":" .. number] = code
      end
      if asserted and code:find ";" then asserted = false end
    elseif at and text:find "^branch" then
      inner = inner + 1
      at[inner] = at[inner] or tonumber(text:match "taken (%d+)") ~= nil and not text:find "taken 0%%"
    end
  end
end

for data in each "find build/cov -name '*.gcda' | grep -v '/tests/\\|/bench/\\|lua-lua'" do listing(data) end

local by, names, low, all = {}, {}, {}, { 0, 0, 0, 0 }
local files = {}
for file in pairs(lines) do files[#files + 1] = file end
table.sort(files)
for _, file in ipairs(files) do
  local got, of, taken, branches = 0, 0, 0, 0
  local numbers = {}
  for n in pairs(lines[file]) do numbers[#numbers + 1] = n end
  table.sort(numbers)
  for _, n in ipairs(numbers) do
    local l = lines[file][n]
    of = of + 1
    if l.ran then got = got + 1 elseif verbose then print(("%s:%d: %s"):format(file, n, texts[file .. ":" .. n])) end
    for _, b in ipairs(l) do
      branches = branches + 1
      if b then taken = taken + 1 end
    end
  end
  local name = file:match "^src/(.-)/" or "(top)"
  if not by[name] then
    by[name] = { 0, 0, 0, 0 }
    names[#names + 1] = name
  end
  for _, sum in ipairs { by[name], all } do
    for i, v in ipairs { got, of, taken, branches } do sum[i] = sum[i] + v end
  end
  if of > 0 and got < 0.85 * of then low[#low + 1] = ("  below 85 %%: %s %.1f %%"):format(file, 100 * got / of) end
end
table.sort(names)
local function show(name, sum)
  print(("  %-12s %6.1f %% of %6d lines, %6.1f %% of %6d branches"):format(name, 100 * sum[1] / math.max(1, sum[2]),
    sum[2], 100 * sum[3] / math.max(1, sum[4]), sum[4]))
end
for _, name in ipairs(names) do show(name, by[name]) end
show("all of C", all)
for _, l in ipairs(low) do print(l) end
