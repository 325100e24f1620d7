--- Help: each command's is a screen, and a key, an option, a policy or a metric is explained by its name.
local grammar = require "oracle.command.options"
local explain = require "oracle.scenario.explain"
local finder = require "oracle.text.finder"
local help = require "oracle.command.help"
local metrics = require "oracle.scenario.metrics"
local program = require "program"
local topics = require "oracle.command.topics"
local ui = require "oracle.command.ui"

setup(program.open)
teardown(program.close)

local HIGH, WIDE = 26, 80

local function wide(text, what)
  for line in text:gmatch "[^\n]+" do assert.is_true(utf8.len(line) <= WIDE, what .. ": " .. line) end
end

local function screen(text, what)
  wide(text, what)
  local _, n = text:gsub("\n", "")
  assert.is_true(n <= HIGH, ("%s: %d lines"):format(what, n))
end

describe("the help", function()
  it("asked for without a topic is that of the program, and of one topic at a time", function()
    local code, out = program.run "help"
    assert.same({ 0, help.text() }, { code, (out:gsub("%s+$", "\n")) })
    local two, _, err = program.run "help run sweep"
    assert.equal(2, two)
    assert.matches("one topic at a time, such as oracle help run", err)
  end)

  it("of the program and of every command is a screen", function()
    screen(help.text(), "oracle")
    for _, c in ipairs(grammar.COMMANDS) do
      assert.matches("\n  " .. c[1]:gsub("%p", "%%%0") .. " ", help.text())
      screen(help.text(c[1]), c[1])
      assert.matches("usage: oracle " .. c[1]:gsub("%p", "%%%0"), help.text(c[1]))
    end
  end)

  it("of a command has each of its options", function()
    for _, c in ipairs(grammar.COMMANDS) do
      for _, o in ipairs(grammar.LIST) do
        if o.of and o.of[c[1]] and not (o.hidden and o.hidden[c[1]]) then
          assert.is_truthy(help.text(c[1]):find(o[1], 1, true), c[1] .. " " .. o[1])
        end
      end
    end
  end)
end)

describe("oracle help", function()
  it("explains every key: what it takes, its default, its source", function()
    for _, key in ipairs(explain.keys()) do
      local text = topics.text(key.path)
      wide(text, key.path)
      if key.row.type ~= "section" and key.row.type ~= "variant" and key.row.type ~= "list" then
        assert.matches("\ntakes +%S", text, key.path)
        assert.matches("\ndefault +%S", text, key.path)
        assert.matches("\nsource +%S", text, key.path)
      end
    end
    local text = topics.text "max_num_batched_tokens"
    assert.matches("^engine.max_num_batched_tokens\n", text)
    assert.matches("vllm/engine/arg_utils%.py", text)
    assert.matches("default +16\n", topics.text "engine.block_size")
    assert.matches("workloads of kind [^\n]*poisson", topics.text "workload.rate")
    assert.matches("engine.system = sglang", topics.text "schedule_policy")
    assert.matches("^tp_size: what sglang calls this\nengine.tensor_parallel_size\n", topics.text "tp_size")
  end)

  it("lists and explains the columns of report, with unit, place and source", function()
    local list = topics.text "columns"
    wide(list, "columns")
    assert.equal(list, topics.text "report")
    for _, row in ipairs(metrics.ALL) do
      assert.is_truthy(list:find("\n  " .. row.short, 1, true), row.short)
      assert.is_string(row.doc, row.short)
      assert.is_truthy(topics.text(row.short):find(row.key, 1, true), row.short)
    end
    for _, name in ipairs { "cost", "cost_per_million", "energy", "energy_per_token", "replica_hours" } do
      assert.is_truthy(list:find("\n  " .. name .. "%f[^%w_]"), name)
    end
    assert.matches("latency.time_to_first_token_ms.p99", topics.text "ttft.p99")
  end)

  it("explains what comes as a file, and lists each kind", function()
    for _, folder in ipairs { "batching", "routing", "admission", "scaling", "eviction", "system", "workload" } do
      for _, name in ipairs(finder.names(folder)) do
        local text = topics.text(name)
        wide(text, name)
        assert.matches(name .. ": one of the ", text)
      end
    end
    assert.matches("Agrawal et al", topics.text "sarathi")
    assert.matches("\n  sarathi ", topics.text "batching")
    assert.matches("sarathi", topics.text "policies")
  end)

  it("explains options by their name", function()
    for _, o in ipairs(grammar.LIST) do
      local text = topics.text(o[1])
      wide(text, o[1])
      assert.matches("goes with", text)
    end
    assert.same({ "--seeds" }, grammar.parse({ "help", "--seeds" }).files)
    assert.is_true(grammar.parse({ "help", "--help" }).help)
  end)

  it("names the nearest where a name is mistyped", function()
    for typed, near in pairs { ["enginee.max_num_seq"] = "engine.max_num_seqs", blok_size = "block_size",
                               sarthi = "sarathi", ["ttft.p9"] = "ttft", ["--sede"] = "--seed",
                               comparre = "compare" } do
      local text, why = topics.text(typed)
      assert.is_nil(text, typed)
      assert.is_truthy(why:find("did you mean " .. near, 1, true) or why:find("." .. near .. "?", 1, true), why)
    end
    assert.matches("list what there is", select(2, topics.text "qqqqqqqq"))
    local ok, why = pcall(help.run, { files = { "a", "b" } })
    assert.is_false(ok)
    assert.matches("one topic at a time", ui.misused(why))
  end)
end)
