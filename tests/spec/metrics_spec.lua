--- The registry of metrics: what it names is measured, and one row is enough for every table.
local metrics = require "oracle.scenario.metrics"
local oracle = require "oracle"
local report = require "oracle.result.report"
local study = require "oracle.study"

local PERCENTILES = { 50, 99 }

local DRAFTS = { method = "ngram", num_speculative_tokens = 2, acceptance = 0.5 }

-- A run that measures all there is: prefixes, drafts, an objective, hardware with power and price.
local function measured()
  local path = os.tmpname()
  local s = study.run(oracle.scenario {
    model = "llama-3.1-8b", hardware = "h100-sxm", slo = { ttft = 1 }, percentiles = PERCENTILES,
    engine = { enable_prefix_caching = true, speculative_config = DRAFTS },
    workload = { kind = "poisson", rate = 10, count = 50, prompt = 200, output = 20, prompt_pool = 10 },
  }, { csv = path })
  local header = io.lines(path)()
  os.remove(path)
  return s, header
end

-- The registry and the block as they are with one more row, before that of "ttft".
local function with_row(row, run)
  local path = assert(package.searchpath("oracle.scenario.metrics", package.path))
  local f <close> = assert(io.open(path))
  local text = f:read("a"):gsub('  { "ttft",', function(it) return row .. ",\n" .. it end, 1)
  local names, kept = { "oracle.scenario.metrics", "oracle.result.report" }, {}
  for _, name in ipairs(names) do kept[name], package.loaded[name] = package.loaded[name], nil end
  package.loaded[names[1]] = assert(load(text, "@metrics"))()
  local ok, why = pcall(run, package.loaded[names[1]], require(names[2]))
  for _, name in ipairs(names) do package.loaded[name] = kept[name] end
  if not ok then error(why, 0) end
end

describe("a metric", function()
  it("has a value in a summary, and its column in the CSV", function()
    local s, header = measured()
    local seen, figures = {}, 0
    for _, metric in ipairs(metrics.ALL) do
      assert.is_nil(seen[metric.short] or seen[metric.key], metric.short)
      seen[metric.short], seen[metric.key] = true, true
      local name = metric.short .. (metric.name and ".p99" or "")
      local value = metrics.value(s, assert(metrics.column(name, PERCENTILES)))
      assert.equal(metric.short == "saturated" and "boolean" or "number", type(value), name)
      for _, column in ipairs { metric.csv, metric.share_of } do
        assert.is_truthy((("," .. header .. ","):find("," .. column .. ",", 1, true)), column)
      end
      figures = figures + 1
    end
    assert.is_true(figures > 30)
    local all = assert(metrics.column("latency.time_to_first_token_ms.p99", PERCENTILES))
    assert.equal(s.latency.time_to_first_token_ms.p99, metrics.value(s, all))
    assert.equal(100 * s.prefix_caching.overall_hit_rate, metrics.value(s, metrics.column("hit_rate", {})))
    assert.equal(100 * s.gpu_utilization.gpu0, metrics.value(s, metrics.column("gpu_busy", {})))
  end)

  it("of the latencies is each of a summary, in order", function()
    local s, names = measured(), {}
    for i, latency in ipairs(metrics.LATENCIES) do names[i] = latency.name end
    assert.same(require("oracle.text.ordered").keys(s.latency), names)
  end)

  it("in a table is a column there is", function()
    for _, of in ipairs { "report", "what_if", "compare", "compare_at_prompt" } do
      local names = metrics.table(of)
      assert.is_true(#names >= 5)
      for _, name in ipairs(names) do assert(metrics.column(name, PERCENTILES)) end
    end
  end)

  it("more is one row", function()
    local s = measured()
    local row = [[{ "idle", key = "simulation.effective_duration_s", unit = "s", better = "lower", block = "rates",
      label = "Time (s)", above = "goodput", tables = { report = true, compare = true } }]]
    assert.is_nil((report.block(s):find("Time (s):", 1, true)))
    with_row(row, function(more, block)
      assert.matches("\nRequest throughput[^\n]*\nTime %(s%): +[%d.]+\nRequest goodput", block.block(s))
      for _, of in ipairs { "report", "compare" } do
        assert.is_truthy((table.concat(more.table(of), " "):find("output_throughput .*idle ttft.mean")))
      end
      local column = assert(more.column("idle", {}))
      assert.same({ "s", s.simulation.effective_duration_s }, { column.unit, more.value(s, column) })
      assert.matches("did you mean idle%?", select(2, more.column("idel", {})))
    end)
  end)
end)
