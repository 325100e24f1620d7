--- One simulation in several threads: the same bytes as by one, for any number of threads, over random scenarios; and
-- what is simulated by one thread all the same, because it could not be, says so.
local program = require "program"

setup(program.open)
teardown(program.close)

-- Drawn by math.random, which is seeded below: what a scenario may have that keeps its replicas apart, and some that
-- does not.
local function one(of) return of[math.random(#of)] end

local PROMPTS = { "200", "oracle.dist.lognormal { median = 300, p99 = 3000 }",
                  "oracle.dist.uniform { low = 1, high = 900 }" }
local OUTPUTS = { "1", "40", "oracle.dist.lognormal { median = 60, p99 = 500 }", "oracle.dist.geometric { mean = 30 }" }
local SHAPES = { "poisson { rate = %g, count = %d, %s }", "gamma { rate = %g, burstiness = 0.3, count = %d, %s }",
                 "constant { rate = %g, count = %d, %s }" }
local EXTRAS = { "", "", "timeout = 3,",
                 "cancel = { probability = 0.4, after = oracle.dist.uniform { low = 0, high = 2 } },",
                 "prompt_pool = 7,", "priority = 2," }

local function requests()
  return ("prompt = %s, output = %s, %s"):format(one(PROMPTS), one(OUTPUTS), one(EXTRAS))
end

local function workload()
  if math.random() < 0.7 then
    return "oracle.workload." .. one(SHAPES):format(one { 20, 100, 400 }, one { 1, 50, 600 }, requests())
  end
  return ('oracle.workload.mix { count = 500, { name = "a", rate = 90, %s }, { name = "b", rate = 20, %s } }'):format(
    requests(), requests())
end

local function scenario(seed)
  math.randomseed(seed)
  local engine = { ("max_num_seqs = %d"):format(one { 4, 64, 256 }) }
  if math.random() < 0.4 then engine[#engine + 1] = "enable_prefix_caching = true" end
  if math.random() < 0.4 then engine[#engine + 1] = "max_model_len = 8192, num_gpu_blocks_override = 700" end
  if math.random() < 0.2 then engine[#engine + 1] = "pipeline_parallel_size = 2" end
  if math.random() < 0.3 then engine[#engine + 1] = "async_scheduling = true" end
  local more = { ("warm_up = %g"):format(one { 0, 0, 0.1, 0.5, 3 }) }
  if math.random() < 0.3 then more[#more + 1] = ("duration = %g"):format(one { 3.5, 4, 30 }) end
  return ([[
return oracle.scenario {
  model = "meta-llama/Llama-3.1-8B-Instruct", hardware = "h100-sxm", seed = %d, replicas = %d, router = "%s",
  batching = "%s", engine = { %s }, workload = %s, slo = { ttft = 0.2 }, %s
}
]]):format(seed, one { 2, 3, 5, 8, 33 },
    one { "round_robin", "round_robin", "random", "session_affinity" },
    one { "chunked", "fcfs", "sjf", "edf", "vtc", "mlfq", "sarathi", "priority" }, table.concat(engine, ", "),
    workload(), table.concat(more, ", "))
end

-- All that a run tells in files and on stdout.
local function told(path, threads, rest)
  local dir = program.dir
  os.remove(dir .. "/r.json")
  os.remove(dir .. "/r.csv")
  local code, out, err = program.run(("run '%s' --threads %d --json %s/r.json --csv %s/r.csv %s"):format(path, threads,
    dir, dir, rest or ""))
  local json, csv = io.open(dir .. "/r.json"), io.open(dir .. "/r.csv")
  local all = { tostring(code), out, json and json:read("a") or "", csv and csv:read("a") or "" }
  if json then json:close() end
  if csv then csv:close() end
  return table.concat(all, "\n--\n"), err, code
end

-- The first line that differs, not the whole of two files.
local function alike(a, b, what)
  if a == b then return end
  local left, right = a:gmatch "[^\n]*", b:gmatch "[^\n]*"
  repeat
    local x, y = left(), right()
    assert.equal(x, y, what)
  until not x
end

local function same(path, rest)
  local alone, err, code = told(path, 1, rest)
  local said
  for _, threads in ipairs { 2, 3 } do
    local all, why = told(path, threads, rest)
    alike(alone, all, program.read(path))
    said = why:match "# simulated by one thread: ([^\n]*)"
  end
  return code, said, err
end

local function file(text)
  return program.write("s.lua", text)
end

local SMALL = [[
local oracle, policy = require "oracle", require "oracle.policy"
return oracle.scenario {
  model = "meta-llama/Llama-3.1-8B-Instruct", hardware = "h100-sxm", replicas = 4, router = "round_robin",
  workload = oracle.workload.poisson { rate = 80, count = 400, prompt = 100, output = 20 }, %s
}
]]

-- A policy in a file of its own; its key in SMALL.
local function own(kind, text, before)
  local form = 'local policy = require "oracle.policy"\n%s\nreturn policy.%s { name = "own", %s }'
  local path = program.write(kind .. ".lua", form:format(before or "", kind, text))
  return ("%s = %q"):format(kind, path)
end

describe("one simulation in several threads", function()
  it("gives the same bytes over random scenarios, and never falls back where replicas are apart", function()
    local ran = 0
    for seed = 1, tonumber(os.getenv "SLICES") or 25 do
      local code, said, err = same(file(scenario(seed)))
      assert.equal(0, code, scenario(seed) .. err)
      assert.is_nil(said, scenario(seed))
      ran = ran + 1
    end
    assert.is_true(ran >= 5)
  end)

  it("the same with every step stepped, with objectives and with other settings of the command line", function()
    assert.equal(0, (same(file(scenario(3)), "--no-runs --slo 'ttft.p99<1s' --set replicas=7 --seed 9")))
  end)

  it("and the same without files: what is then kept of all replicas together is the sum of what each had", function()
    for seed = 101, 112 do
      local path = file(scenario(seed))
      local _, whole = program.run(("run '%s' --threads 1 --json %s/r.json"):format(path, program.dir))
      assert.is_truthy(whole:find("Benchmark Result", 1, true), scenario(seed))
      for threads = 1, 3 do
        local _, brief = program.run(("run '%s' --threads %d"):format(path, threads))
        alike(whole, brief, scenario(seed))
      end
    end
  end)

  it("has policies in Lua, each of a file of its own", function()
    local step = own("batching", [[step = function(b, _, s)
      s.n = (s.n or 0) + 1
      b:decode()
      if s.n % 3 > 0 then b:resume(512) b:admit(512) else b:resume(64) b:admit(64) end
    end]])
    local route = own("router", [[route = function(c, r, s)
      s.n = (s.n or 0) + r.prompt
      return s.n % c:size() + 1
    end]])
    local code, said, err = same(file(SMALL:format(step .. ", " .. route)))
    assert.equal(0, code, err)
    assert.is_nil(said)
  end)

  it("is for one thread where a policy is written in the scenario, which may keep things that are not seen", function()
    for _, keeps in ipairs { "local nth = coroutine.wrap(function() for i = 1, 9^9 do coroutine.yield(i) end end) ",
                             "local function nth() string.n = (string.n or 0) + 1 return string.n end\n" } do
      local code, said = same(file(keeps .. SMALL:format [[
        batching = policy.batching { name = "own", step = function(b)
          local x = nth()
          b:decode()
          b:resume(64 + x % 9)
          b:admit(64 + x % 9)
        end }]]))
      assert.equal(0, code)
      assert.equal("a policy is written in its file; one in a file of its own runs in threads", said)
    end
  end)

  it("is for one thread where rows go into a pipe, which stays one and gets each row once", function()
    local pipe, got, path = program.dir .. "/pipe", program.dir .. "/got", file(SMALL:format "")
    assert.is_true(os.execute(("mkfifo '%s' && { timeout 60 cat '%s' >'%s' & }"):format(pipe, pipe, got)))
    local code, _, err = program.run(("run '%s' --threads 2 --csv '%s'"):format(path, pipe))
    assert.equal(0, code, err)
    assert.is_truthy(err:find("# simulated by one thread: its rows go to a terminal or a pipe", 1, true), err)
    assert.is_true(os.execute(("test -p '%s'"):format(pipe)))
    local function rows() return select(2, program.read(got):gsub("\n", "")) end
    for _ = 1, 100 do                                     -- its reader may need a moment more
      if rows() >= 401 then break end
      os.execute "sleep 0.1"
    end
    assert.equal(401, rows())
  end)

  it("is for one thread where a router looks at replicas, by whatever verb", function()
    for _, choice in ipairs { "c:least()", "c:in_flight(1) > 2 and 2 or 1", "c:answered() > 7 and 2 or 1" } do
      local code, said = same(file(SMALL:format(own("router", ("route = function(c) return %s end"):format(choice)))))
      assert.equal(0, code)
      assert.equal("its router looks at replicas", said)
    end
  end)

  it("is for one thread where a policy keeps something beside s: in a variable or a table of its file", function()
    for _, keeps in ipairs { "n = n + 1", "t.n = (t.n or 0) + 1", "t.u.n = t.u.n + 1" } do
      local code, said = same(file(SMALL:format(own("batching", ([[step = function(b)
          %s
          b:decode()
          b:resume(64 + n %% 7 + (t.n or 0) %% 5 + t.u.n %% 3)
          b:admit(64 + n %% 7 + (t.n or 0) %% 5 + t.u.n %% 3)
        end]]):format(keeps), "local n, t = 0, { u = { n = 0 } }"))))
      assert.equal(0, code)
      assert.equal("a policy keeps things elsewhere than in what it has of each replica", said)
    end
  end)

  it("is for one thread where requests follow answers, replicas meet, or are watched in their order", function()
    for text, why in pairs {
      ["workload = oracle.workload.closed_loop { concurrency = 8, count = 60, prompt = 50, output = 9 }"] =
        "its requests follow answers",

      ["admission = policy.admission { name = 'own', admit = function(c) return c:waiting(1) < 3 end }"] =
        "its admission policy may look at replicas",
      ["replicas = 1"] = "it has one replica",
      ["failures = { mtbf = 20, mttr = 1 }"] = "its replicas fail",
    } do
      local code, said, err = same(file((SMALL:gsub("replicas = 4, ", text:find "^replicas" and "" or "%0"):gsub(
        "workload = [^}]*}, ", text:find "^workload" and "" or "%0"):format(text))))
      assert.equal(0, code, text .. err)
      assert.equal(why, said)
    end
  end)

  it("fails as one thread does, with its line, and keeps the same rows", function()
    local path = file(SMALL:format [[
      batching = policy.batching { name = "own", step = function(b)
        b:decode()
        b:resume(64)
        b:admit(b:now() > 2 and nil + 1 or 64)
      end }]])
    local alone, line, code = told(path, 1)
    local all, other = told(path, 2)
    assert.equal(1, code)
    alike(alone, all)
    assert.equal(line:match "oracle: .*", other:match "oracle: .*")
  end)

  it("says something else each time it is read: one thread", function()
    local code, _, err = program.run(("run '%s' --threads 2"):format(file(
      "local x = tonumber((tostring({}):match '0x(%x+)'), 16) // 16 % 100000\n" .. SMALL:format "seed = x")))
    assert.equal(0, code, err)
    assert.matches("# simulated by one thread: its file says something else each time it is read", err)
  end)
end)
