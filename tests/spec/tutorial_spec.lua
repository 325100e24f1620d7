--- docs/tutorial.md command for command, and the examples of docs/policies.md.
local bin = os.getenv("ORACLE_BIN") or "./oracle"
local dir, root

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

-- The blocks of a page in order: { "sh" or "lua", text }.
local function blocks(path)
  local list = {}
  for language, text in read(path):gmatch("\n```(%l+)\n(.-)\n```") do list[#list + 1] = { language, text } end
  return list
end

-- A block of Lua goes to the file its first line names.
local function write_block(text)
  local name = assert(text:match("^%-%- ([%w_]+%.lua)"), text:sub(1, 40))
  local f = assert(io.open(dir .. "/" .. name, "w"))
  f:write(text, "\n")
  f:close()
  return name
end

setup(function()
  dir = shell("mktemp -d"):gsub("\n", "")
  root = shell("pwd"):gsub("\n", "")
  shell(("ln -s '%s' '%s/oracle'; ln -s '%s/scenarios' '%s/scenarios'"):format(
    bin:sub(1, 1) == "/" and bin or root .. "/" .. bin, dir, root, dir))
end)

teardown(function() shell("rm -rf '" .. dir .. "'") end)

describe("the tutorial", function()
  it("does what it says, command for command", function()
    local outputs, commands = {}, 0
    for _, block in ipairs(blocks "docs/tutorial.md") do
      if block[1] == "lua" then
        write_block(block[2])
      else
        for command in block[2]:gmatch("[^\n]+") do
          commands = commands + 1
          if not command:match("^make ") then             -- the binary under test is there already
            local out, code = shell(("cd '%s' && PATH='%s':$PATH; %s"):format(dir, dir, command))
            assert.equal(0, code, command .. "\n" .. out)
            outputs[command] = out
          end
        end
      end
    end
    assert.is_true(commands >= 10)
    -- What it promises: the p99 of TTFT falls by more than half, throughput is the same.
    local out = outputs["oracle compare chunked express.lua chat.lua"]
    assert.matches("\nthroughput +req/s +[%d.]+ +[%d.]+  no difference", out)
    local percent = tonumber(out:match("\nttft.p99 +ms +[%d.]+ +[%d.]+  ([%+%-][%d.]+) "))
    assert.is_true(percent < -50)
    assert.is_true(tonumber(outputs["oracle chat.lua"]:match("P99 TTFT %(ms%): +([%d.]+)")) > 1000)
  end)
end)

describe("the page about policies", function()
  local load = "scenarios/quickstart.lua --set workload.duration=nil --set workload.count=120"
    .. " --set workload.priority=1 --set engine.max_model_len=16384 --set engine.num_gpu_blocks_override=2000"
  local key = { batching = "batching", router = "router", admission = "admission", eviction = "eviction" }

  it("has a complete example of each kind, and each runs", function()
    local seen = {}
    local all = blocks "docs/policies.md"
    for _, block in ipairs(blocks "docs/systems.md") do all[#all + 1] = block end
    for _, block in ipairs(all) do
      if block[1] == "lua" then
        local text = block[2]
        local name, kind = write_block(text), text:match("policy%.(%l+) {") or text:match("(system)%.new {")
        seen[kind or "scenario"] = (seen[kind or "scenario"] or 0) + 1
        local command
        if kind == "system" then
          command = ("%s --set engine.system=./%s --json - -q"):format(load, name)
        elseif key[kind] then
          command = ("%s --set replicas=2 --set %s=%s --json - -q"):format(load, key[kind], name)
        elseif not kind then
          command = name .. " --json - -q"
        end
        if command then
          local out, code = shell(("cd '%s' && ./oracle %s"):format(dir, command))
          assert.equal(0, code, name .. "\n" .. out)
          assert.is_truthy(tonumber(out:match('"successful": (%d+)')) > 50, name)
        end
      end
    end
    assert.same({ batching = 4, router = 1, admission = 1, autoscaler = 1, eviction = 1, scenario = 1, system = 1 },
                seen)
  end)

  it("lists the verbs there are", function()
    local text, verbs = read "docs/policies.md", 0
    for letter, file in pairs { b = "batch", c = "cluster" } do
      local source = read("src/bind/policy/" .. file .. ".c")
      for name in source:match("luaL_Reg verbs%[%] = {(.-)};"):gmatch('{ "([%l_]+)"') do
        verbs = verbs + 1
        local call = "`" .. letter .. ":" .. name
        assert.is_truthy(text:find(call .. "(", 1, true) or text:find(call .. " {", 1, true), call)
      end
    end
    assert.is_true(verbs > 50)
  end)
end)
