--- The text of /metrics: its format, and the metrics of a vLLM server.
local prometheus = require "oracle.text.prometheus"
local vllm_metrics = require "oracle.result.vllm_metrics"

-- What a scrape reads: { [family] = type }, and { ["name{labels}"] = value }; as strictly as Prometheus does.
local function scrape(text)
  local types, values = {}, {}
  assert.equal("\n", text:sub(-1))
  for line in text:gmatch "([^\n]*)\n" do
    local name, kind = line:match "^# TYPE ([%a_:][%w_:]*) (%l+)$"
    if name then
      assert.is_nil(types[name])
      types[name] = kind
    elseif not line:find "^# HELP [%a_:][%w_:]* " then
      local key, value = line:match "^([%a_:][%w_:]*%b{}) (%S+)$"
      if not key then key, value = line:match "^([%a_:][%w_:]*) (%S+)$" end
      assert(key, line)
      assert.is_nil(values[key], key)
      values[key] = value == "+Inf" and math.huge or assert(tonumber(value), line)
    end
  end
  return types, values
end

describe("the text of Prometheus", function()
  it("writes counters, gauges and their labels", function()
    assert.equal([[
# HELP a_total counts
# TYPE a_total counter
a_total{engine="0",model_name="m"} 3.0
# HELP b two\nlines
# TYPE b gauge
b 0.1
b{why="a \"b\" \\ \n"} +Inf
]], prometheus.text {
      { name = "a", type = "counter", help = "counts",
        samples = { { labels = { model_name = "m", engine = "0" }, value = 3 } } },
      { name = "b", type = "gauge", help = "two\nlines",
        samples = { { value = 0.1 }, { labels = { why = 'a "b" \\ \n' }, value = math.huge } } },
    })
    assert.equal("", prometheus.text {})
  end)

  it("writes histograms of cumulative buckets", function()
    local h = prometheus.histogram { 1, 2.5 }
    for _, v in ipairs { 0.5, 1, 2, 9 } do prometheus.observe(h, v) end
    prometheus.observe(h, 2.5, 2)
    assert.equal([[
# HELP h of it
# TYPE h histogram
h_bucket{le="1.0"} 2.0
h_bucket{le="2.5"} 5.0
h_bucket{le="+Inf"} 6.0
h_count 6.0
h_sum 17.5
]], prometheus.text { { name = "h", type = "histogram", help = "of it", samples = { { histogram = h } } } })
  end)
end)

describe("the metrics of a vLLM server", function()
  local m = vllm_metrics.new("org/m", 100, 2)

  it("are all there at the start, with buckets as a server has them", function()
    local types, values = scrape(m:text())
    assert.same({ "gauge", "counter", "histogram" }, { types["vllm:num_requests_running"],
      types["vllm:prompt_tokens_total"], types["vllm:time_to_first_token_seconds"] })
    local where = '{engine="1",model_name="org/m"}'
    assert.equal(0, values["vllm:kv_cache_usage_perc" .. where])
    assert.equal(0, values["vllm:generation_tokens_total" .. where])
    assert.equal(0, values['vllm:request_success_total{engine="1",finished_reason="abort",model_name="org/m"}'])
    for le, there in pairs { ["100.0"] = true, ["50.0"] = true, ["200.0"] = false, ["+Inf"] = true } do
      local key = ('vllm:request_prompt_tokens_bucket{engine="0",model_name="org/m",le="%s"}'):format(le)
      assert.equal(there, values[key] ~= nil, key)
    end
    for _, le in ipairs { "0.001", "0.75", "2560.0" } do
      assert.equal(0,
        values[('vllm:time_to_first_token_seconds_bucket{engine="0",model_name="org/m",le="%s"}'):format(le)], le)
    end
  end)

  it("count a request that ended once everywhere", function()
    m:finished(1, { prompt = 60, output = 11, max_output = 11, computed = 44, ttft = 0.3, tpot = 0.02, e2e = 0.5,
                    queue = 0.1, reason = "length" })
    m:set("num_requests_running", 0, 3)
    m:add("prompt_tokens", 1, 60)
    m:add("prompt_tokens", 1, 40)
    local _, values = scrape(m:text())
    local function of(name, more)
      return values[("vllm:%s{engine=\"1\",model_name=\"org/m\"%s}"):format(name, more or "")]
    end
    assert.equal(100, of "prompt_tokens_total")
    assert.equal(1, values['vllm:request_success_total{engine="1",finished_reason="length",model_name="org/m"}'])
    assert.same({ 1, 0.3 }, { of "time_to_first_token_seconds_count", of "time_to_first_token_seconds_sum" })
    assert.same({ 0, 1 }, { of("time_to_first_token_seconds_bucket", ',le="0.25"'),
                            of("time_to_first_token_seconds_bucket", ',le="0.5"') })
    assert.near(0.4, of "request_inference_time_seconds_sum", 1e-12)
    assert.near(0.2, of "request_prefill_time_seconds_sum", 1e-12)
    assert.near(0.2, of "request_decode_time_seconds_sum", 1e-12)
    assert.equal(44, of "request_prefill_kv_computed_tokens_sum")
    assert.equal(3, values['vllm:num_requests_running{engine="0",model_name="org/m"}'])
  end)

  it("take a distribution of the engine's over", function()
    local raw = require("oracle.plan").simulate(require("oracle.plan").plan(require("oracle").scenario {
      model = "tiny-1b", hardware = "h100-sxm", seed = 1,
      workload = { kind = "batch", count = 5, prompt = 20, output = 6 } }))
    local gaps = raw.latency.itl
    assert.equal(25, gaps:count())
    assert.equal(0, gaps:count_to(gaps:min() - 1))
    assert.equal(25, gaps:count_to(gaps:max()))
    local one = vllm_metrics.new("m", 10, 1)
    one:fill("inter_token_latency_seconds", 0, gaps)
    local _, values = scrape(one:text())
    assert.equal(25, values['vllm:inter_token_latency_seconds_bucket{engine="0",model_name="m",le="0.01"}'])
    assert.near(25 * gaps:mean() / 1e9, values['vllm:inter_token_latency_seconds_sum{engine="0",model_name="m"}'],
      1e-12)
  end)
end)
