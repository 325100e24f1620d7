--- Routers: where requests go, by what they may know.
local oracle = require "oracle"
local rows = require "rows"

local function run(router, workload, more)
  local t = rows.constant("1 ms", { router = router, workload = workload, replicas = 4, seed = 9 })
  for k, v in pairs(more or {}) do t[k] = v end
  return rows.of(t)
end

local function per_replica(list)
  local n = { 0, 0, 0, 0 }
  for _, r in ipairs(list) do n[r.replica + 1] = n[r.replica + 1] + 1 end
  return n
end

local function singles(rate, count)
  return oracle.workload.poisson { rate = rate, count = count, prompt = 64, output = 20 }
end

describe("router", function()
  it("round_robin takes each in turn", function()
    local list = run("round_robin", singles(50, 400))
    for i, r in ipairs(list) do assert.equal((i - 1) % 4, r.replica) end
  end)

  it("random and weighted_random follow their weights", function()
    local n = per_replica((run("random", singles(100, 4000))))
    for i = 1, 4 do assert.near(1000, n[i], 5 * 28) end
    n = per_replica((run({ "weighted_random", weights = { 5, 3, 2, 0 } }, singles(100, 4000))))
    assert.near(2000, n[1], 5 * 32)
    assert.near(1200, n[2], 5 * 29)
    assert.near(800, n[3], 5 * 26)
    assert.equal(0, n[4])
  end)

  it("weighted_random says which weight is wrong", function()
    local ok, why = pcall(run, { "weighted_random", weights = { 1, -2, 1, 1 } }, singles(100, 4))
    assert.is_false(ok)
    assert.matches("weights%[2%]: a number >= 0 expected", why)
    ok, why = pcall(run, { "weighted_random", weights = { 0, 0, 0, 0 } }, singles(100, 4))
    assert.is_false(ok)
    assert.matches("weights: all are zero", why)
    ok, why = pcall(run, { "weighted_random", weights = { "1", 1, 1, 1 } }, singles(100, 4))
    assert.is_false(ok)
    assert.matches("weights%[1%]: a number >= 0 expected", why)
    ok, why = pcall(run, require "oracle.policy".router { name = "own", route = function(c) return c:weighted(3) end },
      singles(100, 4))
    assert.is_false(ok)
    assert.matches("table expected, got number", why)
  end)

  -- One slow request keeps its replica busy: work in flight counts, not an empty queue.
  it("least_loaded goes by work in flight, on all replicas (least_loaded_uses_every_replica)", function()
    local list = run("least_loaded", oracle.workload.constant { rate = 400, count = 400, prompt = 64, output = 20 })
    local n = per_replica(list)
    for i = 1, 4 do assert.is_true(n[i] > 60, table.concat(n, " ")) end
    local mix = oracle.workload.mix {
      { name = "slow", kind = "batch", count = 1, prompt = 64, output = 2000 },
      { name = "fast", kind = "constant", rate = 10, prompt = 64, output = 2 }, count = 20,
    }
    list = run("least_loaded", mix)
    local busy
    for _, r in ipairs(list) do
      if r.profile == "slow" then busy = r.replica end
    end
    for _, r in ipairs(list) do
      if r.profile == "fast" and r.arrival_time > 0 then assert.not_equal(busy, r.replica) end
    end
  end)

  it("power_of_two does better than random where queues build up", function()
    local more = { engine = { max_num_seqs = 1, max_num_batched_tokens = 64 } }
    local _, random = run("random", singles(160, 8000), more)
    local _, two = run("power-of-two", singles(160, 8000), more)
    assert.is_true(two.latency.queue_time_ms.mean < 0.6 * random.latency.queue_time_ms.mean)
  end)

  local chat = oracle.workload.sessions { rate = 10, duration = "20 s", prompt = 200, output = 20, turns = 4,
                                         think = 0.5 }

  it("session_affinity sends a turn where the one before was", function()
    local list, s = run("Session-Affinity", chat)
    local home, opened = {}, 0
    for _, r in ipairs(list) do
      if home[r.session_id] then
        assert.equal(home[r.session_id], r.replica)
      else
        assert.equal(opened % 4, r.replica)               -- new sessions in turn
        home[r.session_id], opened = r.replica, opened + 1
      end
    end
    assert.equal(1, s.prefix_caching.conversational_hit_rate)
    local _, spread = run("round_robin", chat)
    assert.is_true(spread.prefix_caching.conversational_hit_rate < 0.9)
  end)

  it("session_affinity finds another home when a replica is gone", function()
    local list, s = run("session_affinity", chat, { failures = { outages = { { at = 5, lasts = 100, replica = 0 } } } })
    assert.equal(s.requests.total, s.requests.successful)
    for _, r in ipairs(list) do
      if r.arrival_time > 5 then assert.not_equal(0, r.replica) end
    end
  end)

  -- Prompts are computed, and cached, where the router sends them; answers come from the other pool.
  it("session_affinity knows the way where prefill and decode are apart", function()
    local _, s = rows.of {
      model = "llama-3.1-8b", hardware = "h100-sxm", network = "dgx_h100", router = "session_affinity", workload = chat,
      pools = { prefill = { replicas = 3 }, decode = { replicas = 2 } },
    }
    assert.equal(1, s.prefix_caching.conversational_hit_rate)
  end)

  it("prefix_aware goes where the cache is, and elsewhere when that one is far busier", function()
    local groups = oracle.workload.poisson { rate = 20, count = 600, prompt = 700, output = 5,
                                             prefix = { name = "g", tokens = 640, variants = 30 } }
    local _, aware = run("prefix_aware", groups)
    local _, turn = run("round_robin", groups)
    assert.equal(30, aware.prefix_caching.event_counts.MISS_FULL)     -- each group is computed once
    assert.is_true(turn.prefix_caching.event_counts.MISS_FULL > 80)   -- else about once on each replica
    local one = oracle.workload.poisson { rate = 2000, count = 2000, prompt = 64, output = 100,
                                          prefix = { name = "g", tokens = 64 } }
    local n = per_replica((run("prefix_aware", one, { engine = { max_num_seqs = 8 } })))
    for i = 1, 4 do assert.is_true(n[i] > 200, table.concat(n, " ")) end
  end)

  it("with a name nobody knows lists the nearest", function()
    local ok, why = pcall(run, "session_afinity", singles(1, 1))
    assert.is_false(ok)
    assert.matches("session_affinity", why)
  end)
end)
