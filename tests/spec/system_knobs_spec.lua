--- Knobs of the serving systems under attack: what is wrong is refused by the name it was given, in one line.
local oracle = require "oracle"
local planning = require "oracle.plan"
local schema = require "oracle.scenario.schema"
local system = require "oracle.system"

local function plan(engine)
  return pcall(function()
    return planning.plan(oracle.scenario { model = "llama-3.1-8b", hardware = "h100-sxm", engine = engine,
      workload = oracle.workload.batch { count = 1, prompt = 10, output = 10 } })
  end)
end

local function names_of(s)
  local names = {}
  for k in pairs(s.own) do names[#names + 1] = k end
  for k in pairs(s.aliases) do names[#names + 1] = k end
  table.sort(names)
  return names
end

local ABSURD = { "abc", {}, { 1, "x" }, true, -1, 0, 1.5, 1e300, -1e300, 0 / 0, math.huge, -math.huge, math.mininteger,
                 math.maxinteger, "", "12 bananas", "1e", ("9"):rep(400) }

describe("a knob of a system", function()
  it("takes what makes sense and refuses the rest in one line, by its name", function()
    for _, name in ipairs(system.names()) do
      for _, knob in ipairs(names_of(system.get(name))) do
        for _, value in ipairs(ABSURD) do
          local ok, why = plan { system = name, [knob] = value, max_model_len = knob ~= "max_seq_len"
            and knob ~= "context_length" and 4096 or nil }
          why = tostring(why)
          local label = ("%s.%s = %s: %s"):format(name, knob, tostring(value), why)
          assert.is_true(ok or not why:find("\n"), label)
          assert.is_true(ok or not why:find("stack traceback") and not why:find("attempt to"), label)
          local about = why:match("^engine%.([%w_]+)") or why:match("^(prefill_workers)")
          assert.is_true(ok or about ~= nil or why:find("^the model does not fit") ~= nil
            or why:find("^the KV cache is too small") ~= nil or why:find("^network") ~= nil, label)
        end
      end
    end
  end)

  it("that is misspelt names the nearest", function()
    for _, name in ipairs(system.names()) do
      for _, knob in ipairs(names_of(system.get(name))) do
        if #knob > 5 then
          local wrong = knob:sub(1, 3) .. knob:sub(5)
          local ok, why = plan { system = name, [wrong] = 1 }
          assert.is_false(ok, name .. "." .. wrong)
          assert.matches("^engine%." .. wrong .. ": unknown key; did you mean ", tostring(why))
        end
      end
    end
  end)

  it("that is another system's is not known", function()
    local theirs = { sglang = "schedule_policy", trtllm = "capacity_scheduler_policy", triton = "max_queue_delay",
                     dynamo = "router_temperature", vllm = "use_v1" }
    for _, name in ipairs(system.names()) do
      for owner, knob in pairs(theirs) do
        if owner ~= name then
          local ok, why = plan { system = name, [knob] = 1 }
          assert.is_false(ok)
          assert.matches("^engine%." .. knob .. ": unknown key", tostring(why))
        end
      end
    end
  end)

  it("given under both its names is refused, whichever systems", function()
    for _, name in ipairs(system.names()) do
      for alias, knob in pairs(system.get(name).aliases) do
        local field = schema.find({ engine = { system = name } }, "engine." .. knob)
        local value = field.type == "boolean" and true or field.type == "choice" and field.values[1] or 1
        local ok, why = plan { system = name, [alias] = value, [knob] = value }
        assert.is_false(ok)
        assert.matches(": the same knob as ", tostring(why))
      end
    end
  end)

  it("of SGLang's chunks switches them off with -1", function()
    local function engine(e)
      local ok, p = plan(e)
      assert.is_true(ok, tostring(p))
      return p.spec.engine
    end
    local e = engine { system = "sglang", chunked_prefill_size = -1, max_model_len = 32000 }
    assert.same({ false, 32000 }, { e.enable_chunked_prefill, e.max_num_batched_tokens })
    e = engine { system = "sglang", enable_chunked_prefill = false, max_model_len = 4096 }
    assert.same({ false, 16384 }, { e.enable_chunked_prefill, e.max_num_batched_tokens })   -- max_prefill_tokens
    assert.is_true(engine({ system = "sglang" }).enable_chunked_prefill)
    local function why(given) return tostring(select(2, plan(given))) end
    assert.matches("^engine.chunked_prefill_size: %-2: a whole number from %-1 ",
      why { system = "sglang", chunked_prefill_size = -2 })
    assert.matches("^engine.chunked_prefill_size: switches off what enable_chunked_prefill = true",
      why { system = "sglang", chunked_prefill_size = -1, enable_chunked_prefill = true })
    assert.matches("^engine.max_num_batched_tokens: %-1: ", why { system = "sglang", max_num_batched_tokens = -1 })
    local s = oracle.sim(oracle.scenario { model = "llama-3.1-8b", hardware = "h100-sxm",
      engine = { system = "sglang", max_model_len = 4096 },
      workload = oracle.workload.poisson { rate = 20, count = 60, prompt = 900, output = 20 } }):run_until(1)
    assert.error_matches(function() s:set("engine.chunked_prefill_size", -7) end, "%-7: a whole number")
    s:set("engine.chunked_prefill_size", -1)
    e = planning.plan(s.scenario).spec.engine
    assert.same({ false, 16384 }, { e.enable_chunked_prefill, e.max_num_batched_tokens })
    s:set("engine.max_num_batched_tokens", 4096)
    assert.equal(60, s:run().requests.successful)
    assert.is_true(planning.plan(s.scenario).spec.engine.enable_chunked_prefill)
  end)

  it("that contradicts another says so", function()
    local function why(engine) return select(2, plan(engine)) end
    assert.matches("^engine.max_queue_delay_microseconds: ", tostring(why { system = "triton", max_queue_delay = "1 ms",
      max_queue_delay_microseconds = 5 }))
    assert.matches("^engine.preferred_batch_size: 8: ", tostring(why { system = "triton", max_batch_size = 4,
      preferred_batch_size = { 2, 8 } }))
    assert.matches("^engine.max_num_batched_tokens: ", tostring(why { system = "sglang", max_running_requests = 64,
      chunked_prefill_size = 32 }))
  end)
end)
