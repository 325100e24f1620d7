--- The prompt: evaluating, completing, printing. tests/unit/prompt.c has the real thing on a pseudo-terminal.
require "oracle"
local repl = require "oracle.repl"
local bin = os.getenv("ORACLE_BIN") or "./oracle"

-- Feed lines to a prompt: what it printed, what it complained of, what it remembered.
local function session(lines)
  local out, err, entries, i = {}, {}, {}, 0
  local function sink(t)
    return { write = function(_, ...) t[#t + 1] = table.concat({ ... }) end, flush = function() end }
  end
  local prompts = {}
  local failed = repl.loop(repl.environment(), {
    read = function(prompt)
      i = i + 1
      prompts[i] = prompt
      return lines[i]
    end,
    remember = function(entry) entries[#entries + 1] = entry end,
    out = sink(out), err = sink(err),
  })
  return { out = table.concat(out), err = table.concat(err), entries = entries, prompts = prompts, failed = failed }
end

describe("the loop", function()
  it("prints the values of expressions, and nothing for statements", function()
    local s = session { "x = 6", "x * 7", "nil", "'a\\nb'", "1, nil, 3" }
    assert.equal('42\n"a\\nb"\n1\nnil\n3\n', s.out)
    assert.equal("", s.err)
  end)

  it("reads on while an input is incomplete", function()
    local s = session { "function f()", "return 5", "end", "f()" }
    assert.same({ "> ", ">> ", ">> ", "> ", "> " }, s.prompts)
    assert.equal("5\n", s.out)
    assert.same({ "function f()\nreturn 5\nend", "f()" }, s.entries)
  end)

  it("goes on after every error", function()
    local s = session { "error('boom')", "x = = 1", "nil + 1", "error({})", "error(nil)", "1" }
    assert.equal("1\n", s.out)
    assert.equal(5, s.failed)
    assert.matches("boom", s.err)
  end)

  it("shows no addresses, and of large tables the beginning", function()
    local s = session { "print", "{ print, {} }", "error { message = 'said' }",
                        "t = {} for i = 1, 5000 do t[i] = i end", "t",
                        "u = {} for i = 1, 5000 do u[i + 0.5] = { { i } } end", "u" }
    assert.is_nil(s.out:find("0x", 1, true))
    assert.equal("oracle: said\n", s.err)
    assert.matches("\n *200 +200\n%.%.%. 5000 in all\n", s.out)
    assert.matches("\n2%.5%.1%.1 +2\n", s.out)
    assert.matches("%.%.%. and more\n$", s.out)
    local _, lines = s.out:gsub("\n", "")
    assert.is_true(lines < 420)
  end)

  it("shows distributions and series", function()
    local s = session { 's = sim "scenarios/quickstart.lua"', "s:run_until(5).now", "s.latency", "s.latency.ttft",
                        "s.series", "s.series.queue", "plot(s.series)" }
    assert.equal("", s.err)
    assert.is_nil(s.out:find("0x", 1, true))
    assert.matches("\nttft +%d+ values, mean [%d.]+, median [%d.]+, p99 [%d.]+ ms\n", s.out)
    assert.matches("\nkv +KV cache in use +%% +%d+ +[%d.]+\n", s.out)
    assert.matches("requests waiting %(requests%)\n", s.out)
  end)

  it("says what plot, hist, compare, run and sim expect", function()
    for line, pattern in pairs {
      ["plot()"] = "^oracle: plot: a simulation", ["plot('x')"] = "^oracle: plot: ",
      ["plot({ y = 3 })"] = "^oracle: plot: ",
      ["plot({ points = { 1 } })"] = "^oracle: plot: points of a what_if", ["hist()"] = "^oracle: hist: a simulation",
      ["hist({ a = 1 })"] = "^oracle: hist: a simulation", ["compare(1, 2)"] = "^oracle: compare: #1: a result",
      ["run()"] = "^oracle: run: a scenario or the path of one expected, got none",
      ["sim()"] = "^oracle: sim: a scenario",
      ["run(3)"] = "^oracle: run: a scenario or the path of one expected, got a number",
      ["what_if()"] = "^oracle: what_if: ", ["load()"] = "^oracle: load: a path expected",
    } do
      local s = session { line }
      assert.matches(pattern, s.err)
      assert.is_nil(s.err:find("lua/oracle", 1, true))
    end
    assert.equal("nothing to plot\nnothing counted\n", session({ "plot {}", "hist {}" }).out)
  end)

  it("drops a given-up line, and complains of an unfinished end", function()
    local s = session { "x = {", false, "1" }
    assert.equal("1\n", s.out)
    s = session { "x = {" }
    assert.equal(1, s.failed)
    assert.matches("<eof>", s.err)
  end)

  it("loads, changes and runs a scenario", function()
    local s = session {
      's = load "scenarios/quickstart.lua"', "s.workload.duration = nil", "s.workload.count = 20", "s.replicas = 2",
      "s", "s.engine.max_num_seq = 3", "r = s:run()", "r.requests", "r.latency", "r", "run(s).requests.total",
    }
    assert.matches("replicas +2\n", s.out)
    assert.matches("workload.prompt +lognormal max=16000 median=500 p99=4000\n", s.out)
    assert.matches("successful +20\n", s.out)
    assert.matches(" count +mean .*\ntime_to_first_token_ms +20 ", s.out)
    assert.matches("= Serving Benchmark Result =", s.out)
    assert.matches("\n20\n$", s.out)
    assert.equal("oracle: engine.max_num_seq: unknown key; did you mean max_num_seqs?\n", s.err)
  end)

  it("keeps the values printed last", function()
    assert.equal("42\n43\n42\n43\n", session({ "6 * 7", "_ + 1", "__", "x = 7", "nil", "__" }).out)
  end)

  it("ends at quit and exit, bare or called", function()
    assert.equal("1\n", session({ "1", "quit", "2" }).out)
    assert.equal("1\n", session({ "1", "exit", "2" }).out)
    assert.equal("", session({ "for i = 1, 3 do quit(3) end", "2" }).out)
    assert.matches("an exit status", session({ "quit 'x'" }).err)
    assert.same({ 0, 3 }, { repl.loop(repl.environment(), { read = function() return "quit(3)" end,
                                                            out = io.stdout, err = io.stderr }) })
  end)

  it("says what is known of a name", function()
    local s = session { "?what_if", "s = sim 'scenarios/quickstart.lua'", "s:fork?", "?engine.max_num_seqs",
                        "max_num_seqs?", "?tpot.p99", "?router", "?", "y = 3", "?y", "?slo",
                        "?engine.max_num_sequences" }
    for _, pattern in ipairs { "One row for each combination", "A branch: the same simulation",
                               "\nengine.max_num_seqs *\n  requests in one step",
                               "tpot.p99, a metric\n  Time per Output",
                               "which replica a request goes to", "?name  name?", "y: a number: 3\n",
                               "keys: ttft, tpot, e2e" } do
      assert.is_truthy(s.out:find(pattern, 1, true) or s.out:match(pattern), pattern)
    end
    assert.matches("did you mean engine.max_num_seqs?", s.err, 1, true)
  end)

  it("fits 80 columns and 24 lines in what it says of itself", function()
    local lines = 0
    for line in session({ "help()" }).out:gmatch "([^\n]*)\n" do
      lines = lines + 1
      assert.is_true(utf8.len(line) <= 80, line)
    end
    assert.is_true(lines <= 22)
    for _, name in ipairs(require("oracle.repl.about").names()) do
      for line in session({ "?" .. name }).out:gmatch "([^\n]*)\n" do assert.is_true(#line <= 80, line) end
    end
    local s = session { "s = sim 'scenarios/quickstart.lua'", "s:run_until(100)", "s:set('engine.max_num_seqs', 4)",
                        "s.replicas[0]", "s.changes", "s.breakpoints", "s.series", "plot(s)", "hist(s, 'ttft')" }
    for line in s.out:gmatch "([^\n]*)\n" do assert.is_true(utf8.len(line) <= 80, line) end
  end)

  it("describes all that a simulation and the prompt have", function()
    local live = require "oracle.live"
    local known = {}
    for _, name in ipairs(require("oracle.repl.about").names()) do known[name] = true end
    for _, name in ipairs(live.names(nil, ".")) do assert.is_true(known["s." .. name], name) end
    for _, name in ipairs(live.names(nil, ":")) do assert.is_true(known["s:" .. name], name) end
    for name in pairs(repl.environment()) do assert.is_true(known[name], name) end
  end)

  it("shows finished results, and saves them", function()
    local path = os.tmpname() .. ".json"
    local save = ("save(r, %q)"):format(path)
    local s = session { 'r = run "scenarios/quickstart.lua"', "hist(r, 'ttft')", save, save,
                        ("save(r, %q, { force = true })"):format(path), "save(r, 'x.pdf')", "save(3, 'x.json')" }
    assert.matches("^ttft: 2463 values", s.out)
    local _, written = s.out:gsub(" written\n", "")
    assert.equal(2, written)
    assert.matches("is there already", s.err)
    assert.matches("save: x%.pdf: a name that ends in %.html or %.json expected", s.err)
    assert.matches("save: a result or a simulation expected, got 3", s.err)
    local f = assert(io.open(path))
    assert.matches('"successful": 2463', f:read "a")
    f:close()
    os.remove(path)
  end)

  it("explains finished results and makes reports of them", function()
    local path = os.tmpname() .. ".html"
    local s = session { 's = sim "scenarios/quickstart.lua"', "r = s:run()", "why(r, { sensitivities = false })",
                        ("save(r, %q)"):format(path), "w = what_if { s, replicas = { 1, 2 } }",
                        ("save(w, %q, { force = true })"):format(path), "s:rewind(60):set('engine.max_num_seqs', 8)",
                        ("save(s, %q, { force = true })"):format(path), "why(s)" }
    assert.matches("The TTFT of the p99 request is bound by", s.out, 1, true)
    assert.matches("a report is of a whole run in which nothing", s.err)
    assert.matches("why: a partial result", s.err)
    if s.err:find("chart.js", 1, true) then return pending "no chart library was found when it was built" end
    local _, written = s.out:gsub(" written\n", "")
    assert.equal(2, written)
    local f = assert(io.open(path))
    assert.matches("^<!doctype html>", f:read("a"):lower())
    f:close()
    os.remove(path)
  end)

  it("takes a policy typed in place", function()
    local s = session {
      's = load "scenarios/quickstart.lua"', "s.workload.duration, s.workload.count = nil, 5",
      "s.batching = oracle.policy.batching {", '  name = "mine",', "  step = function(b, e)",
      "    local left = e.max_num_batched_tokens - b:decode()", "    left = left - b:resume(left)",
      "    while left > 0 do", "      local n = b:admit(left)", "      if n == 0 then break end",
      "      left = left - n",
      "    end", "  end,", "}", "s.batching.name", "s:run().requests.successful",
    }
    assert.equal("", s.err)
    assert.equal('"mine"\n5\n', s.out)
  end)
end)

describe("completion", function()
  local function complete(text, environment)
    local n, names = repl.complete(text, environment or repl.environment())
    return n, table.concat(names, " ")
  end

  it("knows the live fields", function()
    local environment = repl.environment()
    environment.s = environment.load "scenarios/quickstart.lua"
    environment.t = { alpha = 1, beta = { gamma = 2 }, [1] = 3, ["not a name"] = 4 }
    assert.same({ 5, "max_num_batched_tokens max_num_seqs" }, { complete("print(s.engine.max_n", environment) })
    assert.same({ 4, "max_cpu_loras max_lora_rank max_loras max_model_len max_num_batched_tokens max_num_seqs" },
      { complete("s.engine.max_", environment) })
    assert.same({ 0, "alpha beta" }, { complete("t.", environment) })
    assert.same({ 2, "gamma" }, { complete("x = 1 + t.beta.ga", environment) })
    assert.same({ 0, "copy get run set" }, { complete("s:", environment) })
    assert.same({ 2, "rate rate_max" }, { complete("s.workload.ra", environment) })
    assert.same({ 3, "scenario" }, { complete("sce", environment) })
    assert.same({ 3, "poisson" }, { complete("oracle.workload.poi", environment) })
  end)

  it("knows a live simulation", function()
    local environment = repl.environment()
    environment.s = environment.sim "scenarios/quickstart.lua"
    environment.s:run_until(5)
    assert.same({ 2, "queue" }, { complete("s.qu", environment) })
    assert.same({ 2, "reload result rewind" }, { complete("s:re", environment) })
    assert.same({ 2, "replicas requests" }, { complete("x = s.re", environment) })
    assert.same({ 2, "usage used" }, { complete("s.replicas[0].kv.us", environment) })
    assert.same({ 2, "ttft_ms" }, { complete("s.requests[3].tt", environment) })
    assert.same({ 0, "" }, { complete("s.requests[100000].", environment) })
    assert.same({ 1, "finished kv queue running" }, { 1, select(2, complete("s.series.", environment)) })
    assert.same({ 5, "what_if" }, { complete("what_", environment) })
  end)

  it("knows all of oracle", function()
    local _, names = repl.complete("oracle.", repl.environment())
    local has = {}
    for _, name in ipairs(names) do has[name] = true end
    for _, name in ipairs { "calc", "cost", "des", "dist", "load", "policy", "run", "scenario", "sim", "topology",
                            "units", "version", "workload" } do
      assert.is_true(has[name], name)
    end
  end)

  it("knows what belongs in quotes", function()
    for text, expected in pairs {
      ['sim "scenarios/quick'] = "scenarios/quickstart.lua", ["load 'scenarios/diu"] = "scenarios/diurnal.lua",
      ['c = scenario { model = "llama-3.1-8b'] = "llama-3.1-8b-Instruct",
      ['c.hardware = "h100-s'] = "h100-sxm", ['s:set("engine.max_num_s'] = "engine.max_num_seqs",
      ['s:set("router", "rou'] = "round_robin", ['c.engine.system = "sgl'] = "sglang",
      ['what_if { s, ["engine.max_num_b'] = "engine.max_num_batched_tokens",
      ['what_if { s, ["router"] = { "round_robin", "lea'] = "least_loaded", ['hist(s, "tt'] = "ttft",
      ['plot(s, "k'] = "kv kv.mean kv.peak", ['x = "a" y = "doc'] = "docs/", ['-- "scen'] = "",
    } do
      local n, names = repl.complete(text, repl.environment())
      local found = table.concat(names, " ")
      if text:find "llama" or text:find "hardware" then   -- many names
        assert.is_truthy((" " .. found .. " "):find(" " .. expected .. " ", 1, true), text)
      else
        assert.equal(expected, found, text)
      end
      assert.equal(expected ~= "" and #text:match "[^\"']*$" or 0, n, text)
    end
  end)

  it("is quiet where nothing fits", function()
    assert.same({ 0, "" }, { complete("no.such.thing") })
    assert.same({ 2, "" }, { complete("zz") })
    assert.same({ 0, "" }, { complete("x = 1.") })
  end)
end)

describe("piped input", function()
  local function pipe(text)
    local path = os.tmpname()
    local f = io.open(path, "w")
    f:write(text)
    f:close()
    local p = io.popen(("%s <'%s' 2>&1"):format(bin, path))
    local out = p:read("a")
    local _, _, code = p:close()
    os.remove(path)
    return out, code
  end

  it("is a script, or lines as one would type them", function()
    assert.same({ "3\n", 0 }, { pipe "local x = 1\nlocal y = 2\nprint(x + y)" })
    assert.same({ "3\n", 0 }, { pipe "x = 1\nx + 2" })
    assert.same({ "oracle: stdin:1: boom\n", 1 }, { pipe "error 'boom'" })
    assert.same({ "3\n", 0 }, { pipe "x = 1\n+ 2 print(x)" })
    assert.same({ "2\noracle: stdin:4: boom\n3\n", 1 }, { pipe "x = {\n1, 2 }\n#x\nerror 'boom'\n#x + 1\n" })
    local out, code = pipe "x = 1\ny = = 2\nx\n"
    assert.equal(1, code)
    assert.matches("unexpected symbol.*\n1\n", out)
  end)
end)

describe("a live simulation without a terminal", function()
  local function run(command, text)
    local path = os.tmpname()
    local f = io.open(path, "w")
    f:write(text)
    f:close()
    local p = io.popen((command:gsub("FILE", path)) .. " 2>&1")
    local out = p:read("a")
    local _, _, code = p:close()
    os.remove(path)
    return out, code
  end

  it("is there through a pipe", function()
    local out, code = run(bin .. " < FILE", 's = sim "scenarios/quickstart.lua"\ns:run_until(60)\ns.now\n')
    assert.equal(0, code)
    assert.matches("^quickstart: t = 60%.000000 s; 479 arrived", out)
    assert.matches("\n60\n$", out)
    out, code = run(bin .. " repl scenarios/quickstart.lua --seed 3 < FILE", "s:run_until(60).scenario.seed")
    assert.same({ "3\n", 0 }, { out, code })
    assert.same({ "", 0 }, { run(bin .. " repl scenarios/quickstart.lua < /dev/null", "") })
    out, code = run(bin .. " repl scenarios/knee.lua < /dev/null", "")
    assert.equal(1, code)
    assert.matches("varies keys", out)
    local WITH = "run, sweep, compare, capacity, plan, why, lod, serve, validate, models, hardware"
    assert.same({ ("oracle: --json goes with oracle %s\n"):format(WITH), 2 },
      { run(bin .. " repl --json - <FILE", "") })
  end)

  it("ends a loop of runs at Ctrl-C, whatever catches errors", function()
    for _, line in ipairs { "for i = 1, 4000 do run 'scenarios/quickstart.lua' end",
                            "for i = 1, 40000 do pcall(run, 'scenarios/quickstart.lua') end",
                            "for i = 1, 4000 do what_if { 'scenarios/quickstart.lua', replicas = { 1, 2 } } end" } do
      for _, command in ipairs { "timeout -s INT 1 %s FILE </dev/null", "timeout -s INT 1 %s < FILE" } do
        local out = run(command:format(bin), line .. "\nprint 'went on'\n")
        assert.matches("interrupted", out, line)
        assert.not_matches("went on", out, line)
      end
    end
  end)

  it("opens scenarios with load in a script, too, where Lua's own load still works", function()
    local script = 'local c = load "scenarios/quickstart.lua"\nprint(c.seed, load("return 6 * 7")())\n'
      .. 'print(load(function() return nil end))\n'
    local out, status = run(bin .. " FILE < /dev/null", script)
    assert.matches("^1%s+42\nfunction\n", (out:gsub("function: [%w]+", "function")))
    assert.equal(0, status)
  end)

  it("is there in a script", function()
    local script = 'local s = sim "scenarios/quickstart.lua"\ns:run_until(60)\nprint(s.replicas[0].kv.used)\n'
    local used, status = run(bin .. " FILE < /dev/null", script)
    assert.matches("^%d%d+\n$", used)
    assert.equal(0, status)
    script = 'local oracle = require "oracle"\nprint(oracle.sim("scenarios/quickstart.lua"):run_until(1).now)\n'
    assert.same({ "1.0\n", 0 }, { run(bin .. " FILE < /dev/null", script) })
    assert.matches("^2\noracle: .*returns no scenario, and nothing was simulated\n$",
      (run(bin .. " FILE < /dev/null", "print(1 + 1)")))
    assert.equal(0, select(2, run(bin .. " FILE < /dev/null", "print(1 + 1)")))
    assert.matches("oracle: .*returns nothing", (run(bin .. " compare vllm sglang FILE 2>&1", "print(1)")))
    local out, code = run(bin .. " FILE < /dev/null", script .. "error 'boom'")
    assert.equal(1, code)
    assert.matches("boom", out)
  end)
end)
