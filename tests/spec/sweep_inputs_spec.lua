--- What a sweep's results were computed from: every file a point read is in its line by digest, and a sweep goes on
-- only where they are what they were.
local json = require("oracle.core").json
local program = require "program"

setup(program.open)
teardown(program.close)

local TRACE = "arrived_at,num_prefill_tokens,num_decode_tokens\n0.1,10,5\n0.2,20,5\n0.3,30,5\n"

local FILES = {
  ["trace.csv"] = TRACE,
  ["lengths.csv"] = "10\n20\n30\n",
  ["part.lua"] = "return { max_model_len = 2048 }\n",
  ["module.lua"] = "return 3\n",
  ["policy.lua"] = "local policy = require 'oracle.policy'\nreturn policy.batching { name = 'own', "
    .. "order = function(r) return r.prompt end }\n",
  ["generator.lua"] = "return { next = function() return { arrival = 0.1, prompt = 10, output = 5 } end }\n",
  ["cost.lua"] = "return function() return 0.01 end\n",
  ["system.lua"] = "local system = require 'oracle.system'\n"
    .. "return system.new { batching = function() return 'fcfs' end }\n",
}

local function scenario(keys)
  local head = "local oracle = require 'oracle'\npackage.path = package.path .. ';DIR/?.lua'\n"
  return (head .. keys):gsub("DIR", program.dir)
end

local WORKLOAD = "workload = oracle.workload.poisson { rate = 10, count = 3, prompt = 10, output = 5 }, "
local HEAD = "return oracle.scenario { model = 'tiny-1b', hardware = 'h100-sxm', "

local SCENARIOS = {
  ["trace.csv"] = HEAD .. "workload = oracle.workload.trace { path = 'trace.csv' } }",
  ["lengths.csv"] = HEAD .. "workload = oracle.workload.poisson { rate = 10, count = 3, output = 5, "
    .. "prompt = oracle.dist.empirical 'lengths.csv' } }",
  ["part.lua"] = "local part = dofile('DIR/part.lua')\n" .. HEAD .. WORKLOAD .. "engine = part }",
  ["module.lua"] = "local count = require 'module'\n" .. HEAD .. WORKLOAD .. "replicas = count }",
  ["policy.lua"] = HEAD .. WORKLOAD .. "batching = 'policy.lua' }",
  ["generator.lua"] = HEAD .. "workload = { path = 'generator.lua', count = 3 } }",
  ["cost.lua"] = HEAD .. WORKLOAD .. "cost = { kind = 'cost.lua' } }",
  ["system.lua"] = HEAD .. WORKLOAD .. "engine = { system = 'system.lua' } }",
  ["model.json"] = "return oracle.scenario { model = './model.json', hardware = 'h100-sxm', " .. WORKLOAD .. "}",
  ["hardware.json"] = "return oracle.scenario { model = 'tiny-1b', hardware = './hardware.json', " .. WORKLOAD .. "}",
}

describe("a digest", function()
  local journal = require("oracle.core").journal

  it("is the CRC-32 of a file and its bytes", function()
    assert.equal("cbf43926:9", journal.digest(program.write("check", "123456789"))) -- the check value of CRC-32
    assert.equal("00000000:0", journal.digest(program.write("nothing", "")))
    local long = ("123456789"):rep(20000) -- read in several pieces
    assert.matches("^%x+:180000$", journal.digest(program.write("long", long)))
    assert.not_equal(journal.digest(program.write("long", long)), journal.digest(program.write("long", long .. " ")))
  end)

  it("is of plain files alone", function()
    for _, path in ipairs { program.dir, "/dev/zero", program.dir .. "/nowhere" } do
      local digest, why = journal.digest(path)
      assert.is_nil(digest)
      assert.is_string(why)
    end
    assert.is_nil((journal.signature(program.dir .. "/nowhere")))
  end)
end)

local function names()
  local list = {}
  for name in pairs(SCENARIOS) do list[#list + 1] = name end
  table.sort(list)
  return list
end

-- The files of a scenario, and its sweep: the line to run it with.
local function prepare(name)
  for file, text in pairs(FILES) do program.write(file, text) end
  program.write("model.json", program.read "models/llm/tiny-1b.json")
  program.write("hardware.json", program.read "models/hardware/h100-sxm.json")
  program.write("s.lua", scenario(SCENARIOS[name]))
  os.remove(program.dir .. "/kept")
  return ("sweep %s/s.lua -q --seeds 3 --threads 1 --out %s/kept"):format(program.dir, program.dir)
end

local function lines()
  local list = {}
  for line in io.lines(program.dir .. "/kept") do list[#list + 1] = line end
  return list
end

-- Only the first two points are there.
local function cut()
  local list = lines()
  program.write("kept", list[1] .. "\n" .. list[2] .. "\n" .. list[3] .. "\n")
end

local function append(name, text)
  program.write(name, program.read(program.dir .. "/" .. name) .. text)
end

describe("a point of a sweep", function()
  it("knows each file it was computed from, whoever read it before", function()
    for _, name in ipairs(names()) do
      local rc, _, err = program.run(prepare(name))
      assert.equal(0, rc, name .. ": " .. err)
      for i, line in ipairs(lines()) do
        local files = i > 1 and json.decode(line).inputs
        assert.is_true(not files or files["./" .. name] ~= nil, ("%s: line %d"):format(name, i))
        assert.is_true(not files or files["oracle:lua/oracle/batching/chunked.lua"] ~= nil or name == "policy.lua"
          or name == "system.lua", name)
      end
    end
  end)
end)

describe("a sweep that goes on", function()
  it("names the file that has changed, and computes its points again where that is asked for", function()
    for _, name in ipairs(names()) do
      local args = prepare(name)
      assert.equal(0, (program.run(args)), name)
      cut()
      append(name, name:match "%.csv$" and (name == "trace.csv" and "0.4,10,5\n" or "40\n") or " \n")
      program.refused(1, args .. " --resume", "holds results of [^ ]*/" .. name:gsub("%.", "%%.")
        .. " as it was before; 2 of 3 points read that: %-%-resume=anyway computes them again")
      local rc, _, err = program.run(args .. " --resume=anyway")
      assert.equal(0, rc, err)
      assert.matches(name:gsub("%.", "%%.") .. " changed: 2 points are computed again", err)
      assert.equal(0, (program.run(args .. " --resume")), name)
      local resumed = program.read(program.dir .. "/kept")
      program.run((args:gsub("/kept$", "/anew")))
      local anew, points = {}, 0
      for line in io.lines(program.dir .. "/anew") do anew[line] = true end
      for line in resumed:gmatch "[^\n]+" do points = points + (anew[line] and 1 or 0) end
      assert.equal(4, points, name)                       -- the header and three points, to the byte
      os.remove(program.dir .. "/anew")
    end
  end)

  it("computes only those anew that read it", function()
    local args = prepare("policy.lua"):gsub(" %-%-seeds 3", "")
    local text = SCENARIOS["policy.lua"]:gsub("batching = 'policy.lua'",
      "vary = { { 'batching', { 'chunked', 'policy.lua', 'fcfs' } } }")
    program.write("s.lua", scenario(text))
    assert.equal(0, (program.run(args)))
    local list = lines()
    program.write("kept", table.concat({ list[1], list[2], list[3] }, "\n") .. "\n")
    append("policy.lua", " \n")
    local _, _, err = program.run(args .. " --resume=anyway")
    assert.matches("changed: 1 points are computed again", err)
  end)

  it("begins anew where the scenario itself has changed, if it is told to", function()
    local args = prepare "trace.csv"
    assert.equal(0, (program.run(args)))
    cut()
    append("s.lua", "-- another\n")
    program.refused(1, args .. " --resume", "as it was before it changed; %-%-resume=anyway computes all anew")
    assert.equal(0, (program.run(args .. " --resume=anyway")))
    assert.equal(4, #lines())
    assert.equal(0, (program.run(args .. " --resume")))
    program.refused(2, args .. " --resume=always", "one of anyway expected")
  end)
end)
