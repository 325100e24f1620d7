--- Dynamo's router: costs worked out by hand, with requests that wait, with prompts that share blocks, for who decodes.
local oracle = require "oracle"
local policy = require "oracle.policy"
local rows = require "rows"
local program = require "program"

local dir

setup(function()
  program.open()
  dir = program.dir
end)

teardown(program.close)

-- A trace of requests { ms they come at, prompt tokens, output tokens }.
local function trace(list)
  local lines = { "TIMESTAMP,ContextTokens,GeneratedTokens" }
  for i, r in ipairs(list) do
    lines[i + 1] = ("2023-11-16 00:00:%02d.%03d0000,%d,%d"):format(r[1] // 1000, r[1] % 1000, r[2], r[3])
  end
  local path = dir .. "/trace.csv"
  local f = assert(io.open(path, "w"))
  f:write(table.concat(lines, "\n"), "\n")
  f:close()
  return oracle.workload.trace { path = path }
end

-- Where the requests go, from 0: steps of a second, blocks of 16 tokens, one request at a time on each replica.
local function placed(list, router, changes)
  local t = rows.constant("1 s", {
    workload = list and trace(list), router = router or "kv_aware", replicas = 2,
    engine = { block_size = 16, max_num_seqs = 1, max_num_batched_tokens = 8192, max_model_len = 8192 },
  })
  for k, v in pairs(changes or {}) do t[k] = v end
  local where = {}
  for i, r in ipairs((rows.of(t))) do where[i] = r.replica end
  return where
end

describe("kv_aware", function()
  -- Prompt blocks to compute + blocks held, with those of the request itself:
  --   1600: 100 + 100 on both, the first of equals; 800: 150 + 150 and 50 + 50;
  --   160: 110 + 110 and 60 + 60; 800: 150 + 160 and 110 + 110; 160: 110 + 110 and 120 + 120;
  -- later the first prompts are computed: 1600 at 1.5 s: (10 + 100) + (110 + 100) and (60 + 100) + (110 + 100).
  it("counts requests that wait, and prompts until they are computed", function()
    assert.same({ 0, 1, 1, 1, 0, 0 }, placed {
      { 0, 1600, 100 }, { 1, 800, 100 }, { 2, 160, 100 }, { 3, 800, 100 }, { 4, 160, 100 }, { 1500, 1600, 100 } })
  end)

  -- All that was sent there has ended, and no block is cached: the first of equals again.
  it("forgets requests that have ended", function()
    local list = { { 0, 1600, 2 }, { 1, 800, 2 }, { 9000, 160, 1 }, { 9001, 160, 1 } }
    assert.same({ 0, 1, 0, 1 }, placed(list, nil, { engine = { block_size = 16, enable_prefix_caching = false } }))
  end)

  -- Of equal costs the replica with fewer cached blocks: 50 and 10 of them when the last one comes.
  it("breaks ties by the size of the caches", function()
    local load = trace { { 0, 800, 1 }, { 1, 160, 1 }, { 9000, 320, 1 } }
    load.prompt_pool = 1000                               -- the three are different, and their blocks are cached
    assert.same({ 0, 1, 1 }, placed(nil, nil, { workload = load }))
  end)

  -- The same prompt three times, nothing computed yet: the second costs 200 + 100 where the first is (its blocks are
  -- held there already) and 100 + 100 elsewhere. With weight 0 it is 100 and 100.
  it("counts blocks that prompts share once", function()
    local list = { { 0, 1600, 9 }, { 1, 1600, 9 }, { 2, 1600, 9 } }
    local function same_prompt(weight)
      local where = {}
      local t = rows.constant("1 s", {
        workload = oracle.workload.trace { path = trace(list).path, prompt_pool = 1 }, replicas = 2,
        router = { "kv_aware", overlap_score_weight = weight },
        engine = { block_size = 16, max_num_seqs = 1, max_num_batched_tokens = 8192, max_model_len = 8192,
                   async_scheduling = false },
      })
      for i, r in ipairs((rows.of(t))) do where[i] = r.replica end
      return where
    end
    assert.same({ 0, 1, 0 }, same_prompt(1.0))
    assert.same({ 0, 0, 0 }, same_prompt(0.0))
  end)

  -- Decode workers hold 100, 10, 20 blocks and so on: whoever has the fewest with those of the request, not the fewest
  -- requests.
  it("chooses who decodes by the blocks of the prompts there", function()
    local t = rows.constant("1 ms", {
      workload = trace { { 0, 1600, 200 }, { 10, 160, 200 }, { 20, 160, 200 }, { 30, 160, 200 } },
      router = "kv_aware", network = "dgx_h100",
      pools = { prefill = { replicas = 1 }, decode = { replicas = 2 } },
      engine = { block_size = 16, max_model_len = 8192, enable_prefix_caching = false },
    })
    local where = {}
    for i, r in ipairs((rows.of(t))) do where[i] = r.replica end
    assert.same({ 1, 2, 2, 2 }, where)
    t.router = "least_loaded"
    for i, r in ipairs((rows.of(t))) do where[i] = r.replica end
    assert.same({ 1, 2, 1, 2 }, where)
  end)

  it("takes dearer replicas too when it is warm", function()
    local list = {}
    for i = 1, 60 do list[i] = { i, i == 1 and 4000 or 16, 500 } end
    local function share(temperature)
      local n = 0
      for _, replica in ipairs(placed(list, { "kv_aware", router_temperature = temperature })) do n = n + replica end
      return n
    end
    assert.equal(59, share(0.0))
    local warm = share(5.0)
    assert.is_true(warm > 15 and warm < 50, tostring(warm))
  end)
end)

describe("a router that asks for loads", function()
  -- What is in flight counts from then on.
  it("takes over while a simulation runs", function()
    local s = require("oracle.live").new(oracle.scenario {
      model = "llama-3.1-8b", hardware = "h100-sxm", replicas = 3, router = "round_robin",
      workload = oracle.workload.poisson { rate = 60, count = 300, prompt = 800, output = 100, prompt_pool = 40 } })
    for i, router in ipairs { "kv_aware", "least_loaded", "kv_aware" } do
      s:run_until(i)
      s:set("router", router)
    end
    assert.equal(300, s:run().requests.successful)
  end)
end)

describe("a router", function()
  local function run(functions, changes)
    local t = rows.constant("1 ms", { replicas = 2, router = policy.router(functions),
      workload = oracle.workload.constant { rate = 10, count = 5, prompt = 50, output = 5 } })
    for k, v in pairs(changes or {}) do t[k] = v end
    local ok, why = pcall(rows.of, t)
    return ok, tostring(why)
  end

  it("is told what it must say to ask for loads", function()
    local ok, why = run { name = "mine", route = function(c) return c:load(1) end }
    assert.is_false(ok)
    assert.matches("c:load is only for a router with tracks = true", why, 1, true)
    assert.is_true(run { name = "mine", tracks = true, route = function(c) return c:load(1) * 0 + 1 end })
  end)

  it("is told which replicas decode when it picks another", function()
    local apart = { network = "dgx_h100", replicas = 1,
                    pools = { prefill = { replicas = 1 }, decode = { replicas = 2 } } }
    local ok, why = run({ name = "mine", route = function() return 1 end, decode = function() return 1 end }, apart)
    assert.is_false(ok)
    assert.matches('handing over request 1: router "mine": decode: a place from 2 to 3 expected', why, 1, true)
    assert.is_true(run({ name = "mine", route = function() return 1 end, decode = function() return 3 end }, apart))
  end)
end)
