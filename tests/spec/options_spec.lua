--- Every option with every command: it is refused, or it makes a difference; none is taken and ignored.
local grammar = require "oracle.command.options"
local flags = require "oracle.formats.flags"
local json = require("oracle.core").json
local program = require "program"
local ui = require "oracle.command.ui"

-- Requests too long for the model's context give a warning; the other axis gives `compare` something to say.
local SCENARIO = [[
return require("oracle").scenario {
  model = "llama-3.1-8b", hardware = "h100-sxm", engine = { max_model_len = 500 }, slo = { ttft = 1 }, %s
  workload = { kind = "poisson", rate = 20, count = 30, output = 20,
                   prompt = require("oracle").dist.uniform { low = 100, high = 600 } },
}
]]

local FILES = {
  ["s.lua"] = SCENARIO:format "",
  ["v.lua"] = SCENARIO:format "vary = { { 'seed', { 1, 2 } } },",
  ["closed.lua"] = SCENARIO:format "engine = { max_model_len = 640, max_num_seqs = 4 }," :gsub("poisson", "closed_loop")
    :gsub("rate = 20, count = 30", "concurrency = 2, duration = 0.4"),
  ["script"] = "s:run() print(s:result().requests.total, s.now, s:result().oracle.lod, s.scenario.seed)\n",
  ["p.lua"] = [[return require("oracle.policy").admission { name = "p", admit = function() return true end }]],
  ["w.lua"] = "return function(g) return { gap = g:exponential(1), prompt = 50, output = 5 } end",
  ["b1.json"] = [[{"model_id": "llama-3.1-8b", "num_prompts": 4, "completed": 4, "request_rate": "inf",
    "max_concurrency": 1, "total_input_tokens": 1200, "total_output_tokens": 160,
    "mean_ttft_ms": 40.0, "mean_tpot_ms": 9.0}]],
  ["b4.json"] = [[{"model_id": "llama-3.1-8b", "num_prompts": 16, "completed": 16, "request_rate": "inf",
    "max_concurrency": 4, "total_input_tokens": 4800, "total_output_tokens": 640,
    "mean_ttft_ms": 40.0, "mean_tpot_ms": 9.2}]],
  ["b16.json"] = [[{"model_id": "llama-3.1-8b", "num_prompts": 64, "completed": 64, "request_rate": "inf",
    "max_concurrency": 16, "total_input_tokens": 19200, "total_output_tokens": 2560,
    "mean_ttft_ms": 40.0, "mean_tpot_ms": 9.9}]],
  ["bench.json"] = [[{"model_id": "llama-3.1-8b", "num_prompts": 20, "completed": 20, "request_rate": 4.0,
    "total_input_tokens": 6000, "total_output_tokens": 800, "request_throughput": 3.5, "mean_ttft_ms": 40.0}]],
}

-- What each command is asked without the option: more than one line where the kind of file matters.
local ASKED = {
  run = { "run s.lua" }, sweep = { "sweep s.lua --set workload.rate=5,6" },
  compare = { "compare vllm static v.lua" }, capacity = { "capacity closed.lua --slo 'tpot.mean<=8ms'" },
  plan = { "plan closed.lua --slo 'e2e.mean<=170ms' --gpus h100-sxm --max-gpus 1" },
  why = { "why s.lua" }, new = { "new policy mine", "new workload mine" },
  check = { "check policy p.lua", "check workload w.lua" },
  validate = { "validate c.yaml", "validate s.lua", "validate bench.json s.lua" },
  calibrate = { "calibrate b1.json b4.json b16.json s.lua -o f.json" },
  import = { "import b4.json" },
  ["generate-config"] = { "generate-config" }, repl = { "repl s.lua" }, lod = { "lod s.lua" },
  serve = { "serve s.lua" },
  models = { "models" }, hardware = { "hardware" }, help = { "help" },
  show = { "show model llama-2-7b", "show hardware h100-sxm" },
}

-- Commands of many runs, whose options say nothing of memory that one run does not: sanitizers leave them out here.
local SANITIZED = program.bin:find "build/san" ~= nil
local MANY_RUNS = { plan = true, capacity = true, why = true, calibrate = true }

-- Commands that do not end by themselves: their options make the difference that their own tests look for
-- (tests/spec/serve_spec.lua); here only what they refuse is.
local ENDLESS = { serve = true }

-- A value that is not the default.
local VALUES = {
  ["--set"] = "hardware=gtx-1080ti", ["--seeds"] = "2", ["--out"] = "o.jsonl", ["--replications"] = "2",
  ["--until"] = "0.1%", ["--json"] = "o.json", ["--csv"] = "o.csv", ["--series"] = "o.csv", ["--seed"] = "77",
  ["--lod"] = "hybrid", ["--threads"] = "2", ["--log-level"] = "ERROR", ["--format"] = "json", ["--output"] = "o.yaml",
  ["--fit"] = "none",
  ["--as"] = "data", ["--tp"] = "2", ["--slo"] = "'ttft.p99<=2ms'", ["--goodput"] = "0.9", ["--over"] = "replicas",
  ["--report"] = "o.html", ["--trace"] = "o.trace.json", ["--window"] = "0..1",
  ["--model"] = "mistral-7b-v0.3", ["--workload"] = "300,8,2", ["--gpus"] = "a100-80gb", ["--max-gpus"] = "2",
  ["--system"] = "sglang",
}

-- Where nothing is to be seen, and why.
local UNSEEN = {
  ["sweep --threads"] = "the same bytes on any number of them",
  ["capacity --threads"] = "the same bytes on any number of them",
  ["why --threads"] = "the same bytes on any number of them",
  ["capacity --until"] = "clients are whole numbers, without an interval",
  ["capacity --no-runs"] = "the same results, and capacity says nothing of events",
  ["plan --set"] = "the GPUs are chosen, whatever was set",
  ["plan --format"] = "the shape of a workload is no file",
  ["plan --threads"] = "the same bytes on any number of them",
  ["capacity --log-level"] = "it has nothing to say that a level hides",
  ["calibrate --threads"] = "the same bytes on any number of them",
  ["calibrate --force"] = "there is no file yet that it would replace",
  ["import --force"] = "there is no file yet that it would replace",
  ["sweep --force"] = "there is no file yet that it would replace",
  ["compare --force"] = "there is no file yet that it would replace",
  ["capacity --force"] = "there is no file yet that it would replace",
  ["why --force"] = "there is no file yet that it would replace",
  ["plan --force"] = "there is no file yet that it would replace",
  ["lod --force"] = "there is no file yet that it would replace",
  ["generate-config --force"] = "there is no file yet that it would replace",
  ["validate c.yaml --strict"] = "it is wrong already",
  ["validate s.lua --strict"] = "nothing is warned of before it runs",
  ["validate bench.json s.lua --strict"] = "nothing is warned of",
  ["compare --no-runs"] = "the same results, and compare says nothing of events",
  ["validate s.lua --seed"] = "it can run under any seed",
  ["validate s.lua --fit"] = "it can run under this one too",
  ["validate s.lua --log-level"] = "it has nothing to say that a level hides",
  ["validate bench.json s.lua --as"] = "it is data, as the content says too",
  ["validate bench.json s.lua --log-level"] = "it has nothing to say that a level hides",
}

-- Wall times, and what follows from them.
local function settled(text)
  text = text:gsub("# [%d.]+ s wall", "# wall"):gsub("[%d,]+ x real time", "x real time")
  text = text:gsub("\n(%S+ *[^\n]*%d[%d,]*)  +[%d.]+  +[%d.]+  +(%d+)\n", "\n%1 %2\n")
  return (text:gsub("is [%d.]+x faster", "faster"))
end

-- What can be seen of one command line: exit status, what was said, and the files there are afterwards.
local function seen(line)
  local dir = program.dir .. "/at"
  os.execute(("rm -rf '%s'; mkdir '%s'"):format(dir, dir))
  for name, text in pairs(FILES) do program.write("at/" .. name, text) end
  local _, _, code = os.execute(("cd '%s' && timeout 60 '%s' %s <script >../out 2>../err"):format(dir, program.path(),
    line))
  local list, out, err = {}, program.read(program.dir .. "/out"), program.read(program.dir .. "/err")
  local p = io.popen(("cd '%s' && sha256sum *"):format(dir))
  for file in p:lines() do list[#list + 1] = file end
  p:close()
  return { code = code, err = err, text = table.concat({ code, settled(out), settled(err), table.concat(list, "\n") },
                                                       "\n--\n") }
end

setup(function()
  program.open()
  assert(os.execute(("cd '%s' && '%s' generate-config -o c.yaml -q"):format(program.dir, program.path())))
  local text = program.read(program.dir .. "/c.yaml")
  FILES["c.yaml"] = text:gsub("\nworkload:", "\nunheard_of: 1\nworkload:", 1)    -- two warnings, and an error
    :gsub("\nmetrics_config:", "%0\n  compute_token_stats: false"):gsub("block_size:", "blok_size:")
  seen "sweep s.lua --set workload.rate=5,6 --out kept.jsonl"
  FILES["kept.jsonl"] = program.read(program.dir .. "/at/kept.jsonl")
end)

teardown(program.close)

local function words_of(line)
  local words = {}
  for word in line:gmatch("%S+") do words[#words + 1] = word end
  return words
end

-- The option as one types it, before and after what else there is: its place does not matter.
local function typed(o)
  return o[1] .. (o.value and " " .. (VALUES[o[1]] or "1") or "")
end

-- A line with which it matters, where that of the command says nothing of it.
local INSTEAD = { ["sweep --resume"] = "sweep s.lua --set workload.rate=5,6 --out kept.jsonl",
                  ["show --tp"] = "show model llama-2-7b --ops" }

local function refused_at_once(line)
  local ok, why = pcall(grammar.parse, words_of(line))
  return not ok and ui.misused(why) ~= nil
end

describe("an option", function()
  it("is refused by a command, or makes a difference", function()
    local tried, refused = 0, 0
    for _, c in ipairs(grammar.COMMANDS) do
      local asked = assert(ASKED[c[1]], c[1] .. ": how is it asked?")
      for _, line in ipairs(SANITIZED and MANY_RUNS[c[1]] and {} or asked) do
        local before = not ENDLESS[c[1]] and seen(line).text
        for _, o in ipairs(grammar.LIST) do
          local instead = INSTEAD[c[1] .. " " .. o[1]]
          local with = (instead or line) .. " " .. typed(o)
          tried = tried + 1
          if refused_at_once(with) then
            refused = refused + 1
          elseif before then
            local s = seen(with)
            if s.code == 2 then
              assert.matches("^oracle: [^\n]*\n$", s.err, with)
              refused = refused + 1
            elseif not UNSEEN[line .. " " .. o[1]] and not UNSEEN[c[1] .. " " .. o[1]] then
              assert(s.text ~= (instead and seen(instead).text or before), with .. ": taken, and ignored")
            end
          end
        end
      end
    end
    assert.is_true(tried > 300 and refused > 150 and tried - refused > 80)
  end)

  it("of a deployment in flags goes with run alone", function()
    local own = {}                                        -- names that another option has, too
    for _, o in ipairs(grammar.LIST) do own[o[1]] = true end
    for _, c in ipairs(grammar.COMMANDS) do
      for _, o in ipairs(flags.options()) do
        if c[1] ~= "run" and c[1] ~= "sweep" and c[1] ~= "help" and not own[o[1]] then
          assert.is_true(refused_at_once(ASKED[c[1]][1] .. " " .. typed(o)), c[1] .. " " .. o[1])
        end
      end
    end
    for _, line in ipairs { "sweep --model llama-7b", "run s.lua --model llama-7b",
                            "--model llama-7b --format yaml" } do
      assert.equal(2, seen(line).code, line)
    end
  end)

  it("stands before the command or behind it", function()
    for _, line in ipairs { "--seeds 2 sweep s.lua", "-q --json o.json compare a b s.lua", "-o x generate-config" } do
      local words = words_of(line)
      local options = grammar.parse(words)
      assert.is_truthy(options.command, line)
    end
    assert.is_true(refused_at_once("--csv x models"))
    assert.is_true(refused_at_once("--seeds 2 s.lua"))
    assert.is_nil(grammar.parse({ "--json", "models", "s.lua" }).command)
  end)
end)

describe("validate", function()
  local function answer(line)
    local s = seen(line .. " --json o.json")
    return json.decode(program.read(program.dir .. "/at/o.json")), s.code
  end

  it("says as JSON what it found", function()
    local v, code = answer "validate c.yaml -m"
    assert.equal(1, code)
    assert.same({ "configuration", false, 1, 2 }, { v.what, v.valid, #v.errors, #v.warnings })
    assert.equal("unheard_of", v.warnings[1].path)
    assert.is_true(v.errors[1].line > 1 and #v.errors[1].message > 0 and v.model_database.valid)
    v, code = answer "validate s.lua"
    assert.same({ 0, "scenario", true, 0 }, { code, v.what, v.valid, #v.errors })
    v, code = answer "validate s.lua --set hardware=gtx-1080ti"
    assert.same({ 1, false, 1 }, { code, v.valid, #v.errors })
    assert.matches("^s.lua: .*GiB", v.errors[1].message)
  end)

  it("says as JSON what it compared", function()
    local v, code = answer "validate bench.json s.lua"
    assert.same({ 0, "bench" }, { code, v.what })
    local row = v.rows[1]
    assert.equal(3.5, row.measured)
    assert.near(100 * (row.predicted / 3.5 - 1), row.error_pct, 1e-9)
  end)
end)
