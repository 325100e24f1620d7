--- Workloads: profiles whose rates add, sessions, prefixes, pools, and what is said of those that make no sense.
local planning = require "oracle.plan"
local oracle = require "oracle"
local rows = require "rows"

local function run(workload, more)
  local t = rows.constant("1 ms", { workload = workload, seed = 5 })
  for k, v in pairs(more or {}) do t[k] = v end
  return rows.of(t)
end

local function refused(workload)
  local ok, why = pcall(function()
    return planning.plan(oracle.scenario(rows.constant("1 ms", { workload = workload })))
  end)
  assert.is_false(ok)
  return why
end

local function small(t)
  local w = { prompt = 64, output = 4 }
  for k, v in pairs(t) do w[k] = v end
  return w
end

describe("a mix of profiles", function()
  it("gives the sum of their rates (profile_rates_add)", function()
    local list = run(oracle.workload.mix {
      small { name = "steady", rate = 40, kind = "constant" }, small { name = "poisson", rate = 15 },
      small { name = "gaps", inter_arrival = oracle.dist.exponential(0.2) }, duration = "200 s",
    })
    local n = {}
    for _, r in ipairs(list) do n[r.profile] = (n[r.profile] or 0) + 1 end
    assert.equal(8000, n.steady)
    assert.is_true(math.abs(n.poisson - 3000) < 5 * 55)   -- five standard deviations
    assert.is_true(math.abs(n.gaps - 1000) < 5 * 32)
    assert.is_true(math.abs(#list / 200 - 60) < 1.6)      -- 60 req/s asked, 60 req/s given
  end)

  it("shares its own rate by weight, and says where a weight does nothing", function()
    local w = oracle.workload.mix { small { name = "a", weight = 3 }, small { name = "b" },
                                    small { name = "c", rate = 5, weight = 2 }, rate = 40, count = 4500 }
    local list, s = run(w)
    local n = { a = 0, b = 0, c = 0 }
    for _, r in ipairs(list) do n[r.profile] = n[r.profile] + 1 end
    assert.equal(4500, #list)
    assert.is_true(math.abs(n.a - 3000) < 200 and math.abs(n.b - 1000) < 150 and math.abs(n.c - 500) < 110)
    assert.same({ "workload.profiles[3].weight: without effect: the profile has arrivals of its own" },
      { table.unpack(s.oracle.warnings) })
    assert.equal(n.a, s.per_profile.a.requests.total)
  end)

  it("draws a profile's requests alike whoever is beside it", function()
    local function of(profiles)
      local lines = {}
      for _, r in ipairs((run(oracle.workload.mix(profiles)))) do
        if r.profile == "a" then
          lines[#lines + 1] = ("%.9f %d %d"):format(r.arrival_time, r.prompt_tokens, r.output_tokens)
        end
      end
      return lines
    end
    local a = small { name = "a", rate = 20, prompt = oracle.dist.uniform { low = 1, high = 500 } }
    assert.same(of { a, duration = 20 }, of { a, small { name = "b", rate = 90 }, duration = 20 })
  end)

  it("is refused where its parts do not go together", function()
    local mix = oracle.workload.mix
    assert.equal('workload.profiles[2].name: "a" is the name of profiles[1] too',
      refused(mix { small { name = "a", rate = 1 }, small { name = "a", rate = 1 }, count = 9 }))
    assert.equal("workload.profiles[1].rate: missing; requests per second, here or for the mix",
      refused(mix { small {}, count = 9 }))
    assert.equal("workload.rate: no profile takes a share of it: each has arrivals of its own",
      refused(mix { small { rate = 3 }, rate = 5, count = 9 }))
    assert.equal("workload.profiles[1].count: missing; arrivals need an end: count or duration here, or the "
      .. "scenario's duration", refused(mix { small { rate = 1 } }))
    assert.matches("profiles%[1%].rat: unknown key; did you mean rate%?", refused(mix { small { rat = 1 }, count = 9 }))
    assert.matches("profiles%[1%].kind: \"mix\": unknown", refused(mix { { kind = "mix", profiles = {} }, count = 9 }))
  end)
end)

describe("gaps of any distribution", function()
  it("give arrivals one after the other, the first after a gap", function()
    local list = run(oracle.workload.renewal(small { inter_arrival = "250 ms", count = 4 }))
    for i, r in ipairs(list) do assert.near(0.25 * i, r.arrival_time, 1e-9) end
  end)

  it("do not hang where the clock would stand still", function()
    local ok, why = pcall(run, oracle.workload.renewal(small { inter_arrival = 0, duration = 1 }))
    assert.is_false(ok)
    assert.matches("inter_arrival: %d+ gaps of 0 s in a row", why)
  end)
end)

-- The turns of each session in order.
local function sessions(list)
  local by, order = {}, {}
  for _, r in ipairs(list) do
    if r.session_id then
      if not by[r.session_id] then
        by[r.session_id], order[#order + 1] = {}, r.session_id
      end
      table.insert(by[r.session_id], r)
    end
  end
  return by, order
end

describe("sessions", function()
  local workload = oracle.workload.sessions {
    rate = 4, duration = "60 s", prompt = oracle.dist.uniform { low = 50, high = 200 }, output = 30,
    input = oracle.dist.uniform { low = 10, high = 40 }, think = "1.5 s", continue_probability = 0.8, max_turns = 6,
  }

  it("go on a think time after the previous answer (follow_up_waits_for_the_answer)", function()
    local by, order = sessions((run(workload, { engine = { max_num_seqs = 2 } })))
    local followed = 0
    for _, id in ipairs(order) do
      for k = 2, #by[id] do
        local before, turn = by[id][k - 1], by[id][k]
        assert.near(before.completion_time + 1.5, turn.arrival_time, 1e-9)
        followed = followed + 1
      end
      assert.is_true(#by[id] <= 6)
    end
    assert.is_true(followed > 300)
  end)

  it("hold all that was said: prompt + answer + new input, 100 + 50 + 80 = 230", function()
    local by = sessions((run(workload)))
    for _, turns in pairs(by) do
      for k = 2, #turns do
        local added = turns[k].prompt_tokens - turns[k - 1].prompt_tokens - turns[k - 1].output_tokens
        assert.is_true(added >= 10 and added <= 40)
      end
    end
    local list = run(oracle.workload.sessions { inter_arrival = 1, duration = 1.9, prompt = 100, output = 50,
                                                input = 80, turns = 2, think = 0 })
    assert.same({ 100, 230 }, { list[1].prompt_tokens, list[2].prompt_tokens })
  end)

  it("last as long as the continuation probability says (turns_are_configurable)", function()
    local w = { rate = 40, count = 6000, prompt = 32, output = 2, think = 0, continue_probability = 0.5,
                max_turns = 1000 }
    local list = run(oracle.workload.sessions(w))
    local _, order = sessions(list)
    assert.near(2, #list / #order, 0.1)                   -- geometric with p = 0.5
    w.continue_probability, w.turns, w.max_turns = nil, oracle.dist.constant(3), 10
    list = run(oracle.workload.sessions(w))
    _, order = sessions(list)
    assert.near(3, #list / #order, 0.02)
    w.max_turns = 2
    list = run(oracle.workload.sessions(w))
    _, order = sessions(list)
    assert.near(2, #list / #order, 0.02)
  end)

  it("stay in their own profile (follow_up_keeps_its_profile)", function()
    local list = run(oracle.workload.mix {
      { name = "short", rate = 5, prompt = 10, output = 2, conversation = { probability = 0.5, think = 0.1 } },
      { name = "long", rate = 5, prompt = 1000, output = 2, conversation = { think = 0.2 } }, duration = "40 s",
    })
    local by, order = sessions(list)
    for _, id in ipairs(order) do
      for _, turn in ipairs(by[id]) do
        assert.equal(by[id][1].profile, turn.profile)
        assert.equal(by[id][1].client_id, turn.client_id)
      end
    end
    local opened, first = 0, 0
    for _, r in ipairs(list) do
      if r.profile == "short" and (not r.session_id or by[r.session_id][1] == r) then
        first = first + 1
        opened = opened + (r.session_id and 1 or 0)
      end
    end
    assert.near(0.5, opened / first, 0.15)
  end)

  it("say the same whatever the policies do: draws belong to the session and its turn", function()
    local function said(more)
      local by, order = sessions((run(workload, more)))
      table.sort(order)
      local lines = {}
      for _, id in ipairs(order) do
        for k, r in ipairs(by[id]) do lines[#lines + 1] = ("%s %d %d"):format(id, k, r.prompt_tokens) end
      end
      return lines
    end
    local one, other = said(), said { engine = { enable_prefix_caching = false }, replicas = 3, router = "random" }
    -- duration cuts the last turns of the slower run, so the shorter of both is compared line by line within sessions
    local known = {}
    for _, line in ipairs(one) do known[line] = true end
    local same = 0
    for _, line in ipairs(other) do same = same + (known[line] and 1 or 0) end
    assert.is_true(same > 0.98 * #other)
  end)

  it("end where an answer does not come", function()
    local by = sessions((run(oracle.workload.sessions {
      rate = 50, duration = "5 s", prompt = 64, output = 200, think = 0, turns = 5, timeout = "150 ms",
    })))
    for _, turns in pairs(by) do assert.equal(1, #turns) end
  end)
end)

describe("prefixes", function()
  it("have the length their name says, and prompts are never shorter (prompt_length_is_what_it_is_made_of)", function()
    local list = run(oracle.workload.constant {
      rate = 10, count = 20, prompt = 30, output = 2,
      prefix = { { type = "mixed", components = { { type = "system", name = "creative_writing" },
                                                  { type = "few_shot", name = "translation_2shot" } } } },
    })
    for _, r in ipairs(list) do assert.equal(280, r.prompt_tokens) end
  end)

  it("are refused by a name nobody knows (unknown_prefix_is_an_error)", function()
    local w = { rate = 1, count = 1, prompt = 9, output = 1, prefix = { type = "system", name = "code_generation" } }
    assert.matches('workload.prefix%[1%].name: "code_generation": unknown system prefix and no tokens given',
      refused(oracle.workload.poisson(w)))
    w.prefix = { type = "few_shot", name = "qa_5shoot" }
    assert.matches('did you mean "qa_5shot"%?', refused(oracle.workload.poisson(w)))
    w.prefix = { type = "mixed" }
    assert.matches("prefix%[1%].components: missing", refused(oracle.workload.poisson(w)))
    w.prefix = { type = "random", tokens = 5 }
    assert.matches("prefix%[1%].type: random has no prefix", refused(oracle.workload.poisson(w)))
    w.prefix = { { name = "helpful_assistant", weight = 0 } }
    assert.equal("workload.prefix: all weights are zero", refused(oracle.workload.poisson(w)))
  end)

  it("with tokens of their own may have any name, and are drawn by weight", function()
    local _, s = run(oracle.workload.constant {
      rate = 20, count = 2000, prompt = 200, output = 1,
      prefix = { { name = "mine", tokens = 96, weight = 3 }, { type = "random", weight = 1 } },
    })
    -- 96 tokens are six blocks; three in four requests begin with them
    assert.near(0.75 * 96, s.prefix_caching.total_tokens_saved / 2000, 3)
  end)
end)

describe("a prompt pool", function()
  it("asks N different prompts in turn", function()
    local list, s = run(oracle.workload.constant { rate = 5, count = 100, output = 3, prompt_pool = 10,
                                                   prompt = oracle.dist.uniform { low = 100, high = 900 } })
    for i = 11, 100 do
      assert.equal(list[i - 10].prompt_tokens, list[i].prompt_tokens)
      assert.equal((list[i].prompt_tokens - 1) // 16 * 16, list[i].cached_prefix_length)
    end
    assert.equal(10, s.prefix_caching.event_counts.MISS_FULL)
  end)

  it("does so for waiting clients, and over a trace", function()
    local _, s = run(oracle.workload.closed_loop { concurrency = 4, count = 80, prompt = 300, output = 2,
                                                   prompt_pool = 8 })
    assert.equal(8, s.prefix_caching.event_counts.MISS_FULL)
    local path = os.tmpname()
    local f = io.open(path, "w")
    f:write("arrived_at,num_prefill_tokens,num_decode_tokens\n")
    for i = 1, 30 do f:write(("%d,%d,2\n"):format(i, 100 + i)) end
    f:close()
    local list, t = run(oracle.workload.trace { path = path, prompt_pool = 3 })
    os.remove(path)
    assert.equal(3, t.prefix_caching.event_counts.MISS_FULL)
    assert.equal(102, list[30].prompt_tokens - 1)
  end)

  it("is refused beside sessions", function()
    assert.matches("prompt_pool: sessions continue", refused(oracle.workload.poisson {
      rate = 1, count = 2, prompt = 5, output = 1, prompt_pool = 2, conversation = {} }))
  end)
end)

-- Arrivals are open loop: neither a slow server nor the way there holds the next one back.
describe("a rate", function()
  it("is kept whatever the server does (arrivals_do_not_wait)", function()
    local list = run(oracle.workload.constant { rate = 50, count = 500, prompt = 64, output = 100 },
      { engine = { max_num_seqs = 1, max_num_batched_tokens = 64 } })
    for i, r in ipairs(list) do assert.near((i - 1) / 50, r.arrival_time, 1e-9) end
  end)

  it("so low that the clock would end is refused", function()
    local ok, why = pcall(run, oracle.workload.constant { rate = 1e-9, count = 20, prompt = 1, output = 1 })
    assert.is_false(ok)
    assert.matches("workload: request %d+ would come after", why)
  end)
end)

describe("clients who are turned away", function()
  local function turned_away(changes)
    local w = oracle.workload.closed_loop { concurrency = 4, prompt = 2000, output = 10 }
    for k, v in pairs(changes) do w[k] = v end
    return oracle.scenario { model = "llama-3.1-8b", hardware = "h100-sxm", engine = { max_model_len = 1000 },
                             cost = "roofline", workload = w }:run()
  end

  it("ask again as often as they may, but not at one moment for ever", function()
    assert.equal(50000, turned_away { count = 50000 }.requests.rejected)
    assert.equal(400, turned_away { duration = 10, think = 0.1 }.requests.rejected)
    local ok, why = pcall(turned_away, { duration = 10 })
    assert.is_false(ok)
    assert.matches("^at t=0.000000 s: requests that are turned away are asked again at the same moment", why)
  end)
end)

describe("waiting clients", function()
  it("may hold conversations: the next begins when one is over", function()
    local list = run(oracle.workload.closed_loop {
      concurrency = 3, count = 60, prompt = 100, output = 10, think = 0.5,
      conversation = { turns = 4, max_turns = 4, think = 0.1, input = 20 },
    })
    local by, order = sessions(list)
    assert.equal(15, #order)
    for _, id in ipairs(order) do
      assert.same({ 100, 130, 160, 190 }, { by[id][1].prompt_tokens, by[id][2].prompt_tokens, by[id][3].prompt_tokens,
                                            by[id][4].prompt_tokens })
    end
  end)
end)

describe("streamed answers", function()
  it("are the share asked for, and counted", function()
    local list, s = run(oracle.workload.mix {
      { name = "a", rate = 100, prompt = 10, output = 1, streaming = 0.25 },
      { name = "b", rate = 10, prompt = 10, output = 1 }, duration = 40,
    })
    assert.near(0.25, s.per_profile.a.requests.streamed / s.per_profile.a.requests.total, 0.04)
    assert.equal(s.per_profile.b.requests.total, s.per_profile.b.requests.streamed)
    assert.is_true(#list > 4000)
  end)
end)

describe("priorities and clients", function()
  it("come with their requests", function()
    local list = run(oracle.workload.constant { rate = 10, count = 200, prompt = 10, output = 1,
                                                priority = oracle.dist.empirical { values = { 0, 5 } } })
    local n = { [0] = 0, [5] = 0 }
    for _, r in ipairs(list) do n[r.priority] = n[r.priority] + 1 end
    assert.is_true(n[0] > 60 and n[5] > 60)
  end)
end)
