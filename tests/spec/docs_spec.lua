--- What the documents say must be true: their links lead somewhere, their Lua runs.
local pages = require "docs_pages"

local bin = os.getenv("ORACLE_BIN") or "./oracle"

local function shell(command)
  local p = assert(io.popen("(" .. command .. ") 2>&1"))
  local out = p:read("a")
  local _, _, code = p:close()
  return out, code
end

local function read(path)
  local f = assert(io.open(path))
  local text = f:read("a")
  f:close()
  return text
end

local function write(path, text)
  local f = assert(io.open(path, "w"))
  f:write(text)
  f:close()
end

local function exists(path)
  local f = io.open(path)
  if f then f:close() end
  return f ~= nil
end

local documents = {}
for path in shell("ls README.md CHANGELOG.md docs/*.md docs/cookbook/README.md"):gmatch("[^\n]+") do
  documents[#documents + 1] = path
end

describe("the documents", function()
  it("are there", function()
    assert.is_true(#documents >= 3)
  end)

  it("link to files that exist", function()
    for _, path in ipairs(documents) do
      local folder = path:match("^(.*/)") or ""
      for target in read(path):gmatch("%]%(([^)#%s]+)%)") do
        if not target:match("^https?:") then
          assert.is_true(exists(folder .. target), path .. " links to " .. target)
        end
      end
    end
  end)

  it("name targets the Makefile has", function()
    local makefile = read("Makefile")
    for _, path in ipairs(documents) do
      for target in read(path):gmatch("make (%l+)[`\n ]") do
        assert.is_truthy(makefile:find("\n" .. target .. ":", 1, true), path .. " says: make " .. target)
      end
    end
  end)
end)

describe("the page about configurations", function()
  it("shows one that is valid, and completes its requests", function()
    local path = os.tmpname() .. ".yaml"
    write(path, read("docs/configuration.md"):match("```yaml\n(.-)```"))
    local out, code = shell(("%s validate %s && %s run %s -q --json -"):format(bin, path, bin, path))
    os.remove(path)
    assert.equal(0, code, out)
    assert.matches("Configuration is valid", out)
    local failed, rejected = out:match('"failed": (%d+),\n *"rejected": (%d+)')
    assert.same({ "0", "0" }, { failed, rejected })
  end)

  it("names every distribution and balancing strategy", function()
    local text = read("docs/configuration.md")
    for _, file in ipairs { "distribution", "workload" } do
      local source = read("lua/oracle/formats/yaml/" .. file .. ".lua")
      for list in source:gmatch("\nlocal %u*NAMES = (%b{})") do
        for name in list:gmatch('"([^"]+)"') do assert.is_truthy(text:find(name, 1, true), name) end
      end
      for list in source:gmatch("\nlocal STRATEGIES = (%b{})") do
        for name in list:gmatch('"([^"]+)"') do assert.is_truthy(text:find(name, 1, true), name) end
      end
    end
  end)
end)

describe("the page about configurations, flags", function()
  it("shows commands that work with the file beside them", function()
    local dir, text = pages.folder(bin), read "docs/configuration.md"
    write(dir .. "/gb10.json", text:match "`gb10.json`.-```json\n(.-)```")
    local commands = 0
    for line in text:match("## Flags instead of a file\n(.-)\n`"):gmatch "    (oracle [^\n]+)" do
      commands = commands + 1
      local _, code, err = pages.obey({ language = "sh", text = line }, dir)
      assert.equal(0, code, line .. "\n" .. err)
    end
    assert.equal(2, commands)
    shell("rm -rf '" .. dir .. "'")
  end)
end)

describe("the page about recorded traffic", function()
  it("names each format that is read, and shows a workload of one's own", function()
    local text = read "docs/traces.md"
    for _, name in ipairs { "Azure", "Mooncake", "BurstGPT", "ShareGPT", "Splitwise", "Vidur", "ORACLE_DATA" } do
      assert.is_truthy(text:find(name, 1, true), name)
    end
    local dir = pages.folder(bin)
    write(dir .. "/requests.csv", "ts,in_tokens,out_tokens\n0,100,20\n1,200,10\n")
    write(dir .. "/s.lua", ("local oracle = require 'oracle' return oracle.scenario { model = 'llama-3.1-8b', "
      .. "hardware = 'h100-sxm', %s }"):format(text:match "```lua\n(.-)```"))
    local out, code = shell(("%s %s/s.lua -q --json -"):format(bin, dir))
    shell("rm -rf '" .. dir .. "'")
    assert.equal(0, code, out)
    assert.matches('"successful": 2', out)
    out = shell(("env -u ORACLE_DATA %s scenarios/azure.lua"):format(bin))
    assert.matches("ORACLE_DATA.*docs/traces.md says where published traces come from\n$", out)
  end)
end)

describe("the page about workloads", function()
  it("shows a scenario that runs", function()
    local path = os.tmpname()
    write(path, read("docs/workloads.md"):match("```lua\n(.-)```"))
    local out, code = shell(("%s run %s -q --json -"):format(bin, path))
    os.remove(path)
    assert.equal(0, code, out)
    assert.matches('"nightly"', out)
  end)

  it("shows KV tiers that blocks come back from", function()
    local path = os.tmpname()
    write(path, read("docs/workloads.md"):match("```lua\n[^`]-kv_tiers.-```"):match("\n(.-)```"))
    local out, code = shell(("%s run %s -q --json -"):format(bin, path))
    os.remove(path)
    assert.equal(0, code, out)
    assert.is_true(tonumber(out:match '"dram": {%s*"hits": (%d+)') > 0)
    assert.is_true(tonumber(out:match '"nvme": {%s*"hits": (%d+)') > 0)
  end)

  it("names the prefixes there are", function()
    local text = read("docs/workloads.md")
    for _, names in pairs(require("oracle.workload.parts.prefix").TOKENS) do
      for name, tokens in pairs(names) do
        assert.is_truthy(text:find(("%s %d"):format(name, tokens), 1, true), name)
      end
    end
  end)
end)

describe("the pages about drafts, adapters and context parallelism", function()
  local function result_of(page, heading)
    local path = os.tmpname()
    write(path, read(page):match((heading or "") .. ".-```lua\n(.-)```"))
    local out, code = shell(("%s run %s -q --json -"):format(bin, path))
    os.remove(path)
    assert.equal(0, code, out)
    return out
  end

  it("show scenarios that do what they say", function()
    local drafts = result_of "docs/speculation.md"
    assert.is_true(math.abs(tonumber(drafts:match '"mean_acceptance_length": ([%d.]+)') - 2.472) < 0.05)
    assert.is_true(tonumber(result_of("docs/lora.md"):match '"loads": (%d+)') > 3)
    assert.matches('"block_size": 64', result_of("docs/parallelism.md", "### Context parallelism"))
  end)
end)

describe("the page about costs", function()
  local dir, blocks

  setup(function()
    dir, blocks = shell("mktemp -d"):gsub("\n", ""), {}
    for block in read("docs/costs.md"):gmatch("```lua\n(.-)```") do blocks[#blocks + 1] = block end
  end)

  teardown(function() shell("rm -rf '" .. dir .. "'") end)

  local function run(options)
    local out, code = shell(("%s %s/s.lua -q --json - %s"):format(bin, dir, options or ""))
    assert.equal(0, code, out)
    return tonumber(out:match('"time_per_output_token_ms": {.-"mean": ([%d.]+)'))
  end

  it("shows a model and a scenario that run", function()
    write(dir .. "/slow_gemm.lua", blocks[1])
    write(dir .. "/s.lua", blocks[2])
    assert.is_true(run() > 1.1 * run "--set cost=roofline")
  end)

  it("shows a table, a broadcast and networks that run", function()
    local scenario = "return require('oracle').scenario { model = 'llama-3.1-8b', hardware = 'h100-sxm', %s"
      .. " workload = { kind = 'batch', count = 4, prompt = 64, output = 8 } }"
    write(dir .. "/s.lua", scenario:format(blocks[3]))
    assert.is_true(run() < 10)
    write(dir .. "/sampled.lua", blocks[4])
    write(dir .. "/s.lua", scenario:format("cost = './sampled.lua', engine = { tensor_parallel_size = 4 },"))
    assert.is_true(run() > run "--set cost=roofline")
    local one, other = blocks[5]:match("^(network.-},)\n(network.*)$")
    for _, network in ipairs { one, other } do
      write(dir .. "/s.lua", scenario:format("engine = { tensor_parallel_size = 2 }," .. network))
      assert.is_true(run() > run "--set network=nvswitch")
    end
  end)

  it("names every calculator", function()
    local text = read("docs/costs.md")
    for name in pairs(require("oracle").calc) do
      assert.is_truthy(text:find("calc." .. name, 1, true) or text:find("`" .. name .. "`", 1, true), name)
    end
  end)
end)

describe("the page about processes", function()
  local text = read("docs/processes.md")

  it("shows a model that runs", function()
    local path = os.tmpname()
    os.rename(path, path .. ".lua")
    write(path .. ".lua", text:match("```lua\n(.-)```"))
    local out, code = shell(("%s %s.lua"):format(bin, path))
    os.remove(path .. ".lua")
    assert.equal(0, code, out)
    assert.matches("^busy 0%.8%d+, mean wait %d+%.%d s, 99 %% within %d+%.%d s, mean queue %d+%.%d+\n$", out)
  end)

  it("names only what there is", function()
    local env, ours = require("oracle.des").environment {}, text:gsub("\n| [^\n]* | ([^\n]-) |%f[\n]", "\n%1")
    for name in ours:gmatch("`env:([%l_]+)") do assert.is_function(env[name], name) end
    for what, list in pairs { r = env:resource(1), s = env:store(), c = env:container() } do
      for name in ours:gmatch("`" .. what .. "[:.]([%l_]+)") do assert.is_truthy(list[name], name) end
    end
    local draws = text:match("Draws: (.-)\n\n")
    for name in draws:gmatch("`([%l]+)%(") do assert.is_function(env:random("x")[name], name) end
  end)
end)

describe("the page about the prompt", function()
  it("shows lines that work", function()
    local lines = {}
    for block in read("docs/prompt.md"):gmatch("```lua\n(.-)```") do lines[#lines + 1] = block end
    assert.is_true(#lines >= 6)
    local path = os.tmpname()
    write(path, table.concat(lines))
    local out, code = shell(("%s < %s"):format(bin, path))
    os.remove(path)
    assert.equal(0, code, out)
    assert.matches("request 17: SUCCESS", out)
    assert.matches("take effect at t = 30", out)
    assert.matches("vs before", out)
  end)
end)

describe("the README", function()
  local dir

  setup(function()
    dir = pages.folder(bin)
    write(dir .. "/my.lua", read("README.md"):match("```lua\n(.-)```"))
  end)

  teardown(function() shell("rm -rf '" .. dir .. "'") end)

  it("shows a scenario that runs", function()
    local out, code = shell(("%s %s/my.lua -q --set workload.count=200 --json -"):format(bin, dir))
    assert.equal(0, code, out)
    assert.matches('"successful": *200', out)
  end)

  it("asks four questions that are answered", function()
    local block = read("README.md"):match("```sh\n(.-)\n```")
    local commands = 0
    for line in block:gmatch "[^\n]+" do
      commands = commands + 1
      local quick = line:gsub("quickstart.lua %-%-slo", "quickstart.lua --seeds 2 --until 20%% --slo")
        :gsub("%-%-max%-gpus 4", "--max-gpus 1"):gsub("l40s,", "")                 -- the same question, in less time
      local out, code, err = pages.obey({ language = "sh", text = quick }, dir)
      assert.equal(0, code, line .. "\n" .. err)
      assert.is_true(#out > 200)
    end
    assert.equal(4, commands)
  end)

  it("is a screen or two, and leads to every page", function()
    local text, lines = read "README.md", 0
    for _ in text:gmatch "\n" do lines = lines + 1 end
    assert.is_true(lines <= 72)
    local reached, queue = {}, { "README.md" }
    while #queue > 0 do
      local path = table.remove(queue)
      local folder = path:match "^(.*/)" or ""
      for target in read(path):gmatch "%]%(([^)#%s]+%.md)" do
        local full = (folder .. target):gsub("[^/]+/%.%./", "")
        if not reached[full] and exists(full) then reached[full], queue[#queue + 1] = true, full end
      end
    end
    for path in shell("ls docs/*.md docs/cookbook/*.md"):gmatch "[^\n]+" do assert.is_true(reached[path], path) end
  end)
end)
