--- A policy, a workload, a serving system or a cost model more is one file more: nothing else names it.
local json = require("oracle.core").json
local bin = os.getenv("ORACLE_BIN") or "./oracle"

local home

local function shell(text)
  local p = assert(io.popen("(" .. text .. ") 2>&1; echo $?"))
  local out, code = p:read("a"):match("^(.-)(%d+)\n$")
  p:close()
  return out, tonumber(code)
end

local function write(path, text)
  local f = assert(io.open(home .. "/" .. path, "w"))
  f:write(text)
  f:close()
end

local function run(options)
  local out, code = shell(("ORACLE_HOME='%s' %s '%s/s.lua' -q --json - %s 2>/dev/null"):format(home, bin, home,
    options))
  assert.equal(0, code, out)
  return json.decode(out)
end

describe("one file more", function()
  setup(function()
    home = shell("mktemp -d"):match("%S+")
    shell(("cp -R lua models '%s'"):format(home))
    write("s.lua", [[return oracle.scenario { model = "llama-3.1-8b", hardware = "h100-sxm",
      workload = oracle.workload.batch { count = 20, prompt = 100, output = 10 } }]])
  end)

  teardown(function() shell(("rm -rf '%s'"):format(home)) end)

  it("is a policy", function()
    write("lua/oracle/admission/nobody.lua", [[local policy = require "oracle.policy"
      return policy.admission { name = "nobody", admit = function() return false end }]])
    assert.equal(20, run("--set admission=nobody").requests.rejected)
    local out, code = shell(("ORACLE_HOME='%s' %s '%s/s.lua' --set admission=nobodi"):format(home, bin, home))
    assert.equal(1, code)
    assert.matches("did you mean nobody%?", out)
  end)

  it("is a serving system, by any of its names", function()
    write("lua/oracle/system/tiny.lua", [[local system = require "oracle.system"
      return system.new { name = "tiny", also = { "Tiny Serve" }, defaults = { max_num_seqs = 1 },
        batching = function() return "static" end }]])
    local plain, tiny = run "", run "--set engine.system=tiny"
    assert.is_true(tiny.simulation.total_duration_s > 5 * plain.simulation.total_duration_s)
    assert.same(tiny, run "--set engine.system=tiny-serve")
    assert.matches("tiny", (shell(("ORACLE_HOME='%s' %s run --help"):format(home, bin))))
  end)

  it("is a cost model with keys of its own", function()
    write("lua/oracle/cost_model/slow.lua", [[local roofline = require "oracle.cost_model.roofline"
      return {
        keys = { { "slower", "number", min = 1, max = 1000, default = 2, doc = "kind slow: times as slow" } },
        parameters = function(c, context)
          local out, about = roofline.parameters(c, context)
          for _, key in ipairs { "prefill_mfu", "decode_mfu", "prefill_mbu", "decode_mbu" } do
            out[key] = out[key] / c.slower
          end
          out.slower = nil
          return out, about
        end,
      }]])
    local plain, slow = run "--set cost=roofline", run "--set cost.kind=slow --set cost.slower=4"
    assert.near(4, slow.simulation.total_duration_s / plain.simulation.total_duration_s, 1e-3)
    local out, code = shell(("ORACLE_HOME='%s' %s '%s/s.lua' --set cost.slower=4"):format(home, bin, home))
    assert.equal(1, code)
    assert.matches("cost.slower: goes with kind slow", out)
  end)

  it("is a workload with keys of its own", function()
    write("lua/oracle/workload/waves.lua", [[local keys = require "oracle.workload.parts.keys"
      return {
        doc = "a wave of requests every so often",
        keys = keys.drawn { { "waves", "count", min = 1, max = 1000, required = true, doc = "how many" }, keys.COUNT },
        told_by = { "waves" },
        engine = function(w)
          return { arrivals = "drawn", inter_arrival = { kind = "constant", a = 10 }, count = w.waves }
        end,
      }]])
    write("w.lua", [[local t = { model = "llama-3.1-8b", hardware = "h100-sxm" }
      t.workload = oracle.workload.waves { waves = 3, prompt = 100, output = 10 }
      local mixed = oracle.workload.mix { { waves = 2, prompt = 100, output = 10 } }
      assert(mixed.profiles[1].kind == "waves")
      return oracle.scenario(t)]])
    local out, code = shell(("ORACLE_HOME='%s' %s '%s/w.lua' -q --json -"):format(home, bin, home))
    assert.equal(0, code, out)
    local s = json.decode(out)
    assert.equal(3, s.requests.successful)
    assert.is_true(s.simulation.total_duration_s > 20)
  end)
end)
