--- --report: one file that needs no other, with what the run measured; and what is refused.
local html = require "oracle.result.html"
local core = require "oracle.core"
local json = core.json
local pages = require "pages"
local planning = require "oracle.plan"
local program = require "program"
local run_page = require "oracle.result.run_page"
local scenario = require "oracle.scenario"
local summary = require "oracle.result.summary"

if not html.chart_library() then
  describe("reports", function() pending "oracle was built without Chart.js: libjs-chart.js is not installed" end)
  return
end

setup(program.open)
teardown(program.close)

local function report(args)
  local path = program.dir .. "/r.html"
  local code, _, err = program.run(("%s -q --report '%s' --force"):format(args, path))
  assert.equal(0, code, err)
  local text = program.read(path)
  return pages.document(text), text
end

local function simulated(s, more)
  local plan = planning.plan(scenario.new(s))
  local watch = run_page.wanted(nil, plan.scenario.warm_up)
  for k, v in pairs(more or {}) do watch[k] = v end
  local raw = core.sim.run(planning.spec(plan, { watch = watch }))
  return summary.new(plan, raw), raw
end

local SMALL = { model = "llama-3.1-8b", hardware = "h100-sxm", seed = 5,
                workload = { kind = "poisson", rate = 20, count = 3000, prompt = 300, output = 20 } }

describe("a report", function()
  it("is one file that fetches nothing", function()
    local _, text = report(program.QUICK)
    local own = text:gsub('<script type="application/json".-</script>', "")
    for _, fetched in ipairs { 'src="', "src='", 'href="http', "@import", 'link rel=' } do
      assert.is_nil(own:lower():find(fetched), fetched)
    end
    assert.is_nil(text:match("<style>.-</style>"):find "url%(")
    assert.matches("default%-src 'none'", text)
    assert.matches("Permission is hereby granted", text)  -- the library's licence goes with it
    assert.matches("Chart%.js v%d", text)
    assert.is_nil(text:find("\r", 1, true))
  end)

  it("holds the summary, distributions, time, requests and the deployment", function()
    local doc = report(program.QUICK)
    local ids = {}
    for i, section in ipairs(doc.sections) do ids[i] = section.id end
    assert.same({ "summary", "latency", "time", "why", "requests", "deployment" }, ids)
    for _, title in ipairs { "Latency of requests", "Latency of tokens", "Histogram of TTFT", "Load", "Requests",
                             "KV cache in use", "GPU busy", "TTFT by arrival", "Latencies", "What GPUs work on",
                             "What binds them" } do
      assert.is_table(pages.titled(doc, title), title)
    end
    local first = pages.parts(doc, "cards")[1].items[1]
    assert.same({ "Requests served", 50 }, { first.label, first.value })
  end)

  it("draws distributions that rise from 0 to all, with the quantiles of the summary", function()
    local s, raw = simulated(SMALL)
    local doc = run_page.document(s, raw)
    local f = pages.titled(doc, "Latency of requests").figure
    assert.equal("TTFT", f.series[1].name)
    local x, y = f.series[1].x, f.series[1].y
    for i = 2, #x do assert.is_true(x[i] >= x[i - 1] and y[i] > y[i - 1]) end
    assert.same({ 0, 100 }, { y[1], y[#y] })
    for i = 1, #y do
      if y[i] == 99 then assert.near(s.latency.time_to_first_token_ms.p99, x[i], 1e-4 * x[i]) end
    end
  end)

  it("counts in its timelines what the summary counts", function()
    local s, raw = simulated(SMALL)
    local n = #raw.series.time
    assert.equal(s.requests.total, raw.series.arrived[n])
    assert.equal(s.requests.total - s.requests.pending, raw.series.ended[n])
    local load = pages.titled(run_page.document(s, raw), "Load").figure
    local sum, before = 0, 0
    for i, t in ipairs(load.x.values) do
      sum, before = sum + load.series[1].y[i] * (t - before), t
    end
    assert.near(s.requests.total, sum, 0.01 * s.requests.total)
  end)

  it("keeps as much of a long run as of a short one", function()
    local most = 1024
    for _, count in ipairs { 500, 20000 } do
      local long = { model = SMALL.model, hardware = SMALL.hardware, workload = { kind = "poisson", rate = 20,
        count = count,
                                                                                prompt = 300, output = 20 } }
      local _, raw = simulated(long)
      assert.is_true(#raw.series.time <= most + 1)
      assert.is_true(#raw.excerpt.number <= 2600)
      assert.equal(count, raw.excerpt.seen)
    end
  end)

  it("says of a part of a run that it is one", function()
    local s, raw = simulated { model = SMALL.model, hardware = SMALL.hardware, workload = SMALL.workload, duration = 5 }
    assert.is_nil(run_page.document(s, raw).notices[1])
    s.oracle.complete = false
    local doc = run_page.document(s, raw)
    assert.equal("partial run", doc.badges[1].text)
    assert.matches("interrupted at 5 s", doc.notices[1].text)
  end)

  it("says of an overload that it is one", function()
    local s, raw = simulated { model = SMALL.model, hardware = SMALL.hardware, engine = { max_num_seqs = 2 },
      duration = 60,
                               workload = { kind = "poisson", rate = 40, prompt = 300, output = 40 } }
    local doc = run_page.document(s, raw)
    assert.equal("overloaded", doc.badges[1].text)
    assert.matches("The queue grew", doc.notices[1].text)
  end)

  it("marks failures and scaling over time", function()
    local doc = report "tests/golden/scenarios/failures.lua"
    local serving = pages.titled(doc, "Replicas that serve").figure
    local failed = 0
    for _, m in ipairs(serving.marks) do failed = failed + (m.bad and 1 or 0) end
    assert.is_true(failed >= 1)
    assert.is_table(pages.titled(doc, "Failures and scaling"))
    assert.is_table(pages.titled(doc, "Replicas"))
  end)

  it("draws the requests of a window", function()
    local doc = report "scenarios/quickstart.lua --window 100..110"
    local f = pages.titled(doc, "Requests of a window, one below the other").figure
    for r = 1, #f.rows do
      local last = f.series[3].to[r] or f.series[2].to[r]
      assert.is_true(f.series[1].from[r] < 110 and last >= 100, f.rows[r])
      assert.is_true(f.series[1].to[r] <= f.series[2].to[r] and f.series[2].to[r] <= f.series[3].to[r])
    end
    assert.is_true(#f.rows > 50 and #f.rows < 150)
  end)

  it("shows names as text, whatever they are", function()
    local s, raw = simulated(SMALL)
    s.name = "</script><script>alert(1)</script> & <!--"
    local text = {}
    for piece in html.page(run_page.document(s, raw)) do text[#text + 1] = piece end
    text = table.concat(text)
    local _, scripts = text:gsub("<script", "")
    assert.equal(4, scripts)                              -- the document, Chart.js and two of its own
    assert.equal(s.name, pages.document(text).title)
    assert.matches("<title>&lt;/script&gt;", text)
  end)

  it("is refused before the run where it cannot be written", function()
    program.refused(2, program.QUICK .. " --report -", "%-%-report %-: a file expected")
    program.refused(1, program.QUICK .. " --report " .. program.dir .. "/none/r.html", "none/r.html: ")
    program.write("old.html", "mine")
    program.refused(1, program.QUICK .. " --report " .. program.dir .. "/old.html", "exists; %-%-force replaces it")
    assert.equal("mine", program.read(program.dir .. "/old.html"))
    program.refused(2, "validate scenarios/quickstart.lua --report " .. program.dir .. "/v.html",
      "goes with measured data")
    program.refused(2, program.QUICK .. " --report a.html --json ./a.html", "two files expected")
  end)
end)

describe("reports of many runs", function()
  it("draw a sweep along its axis, a line for each setting", function()
    local args = "sweep %s --set workload.rate=2,8,20 --set engine.max_num_seqs=4,64 --seeds 2 --out %s/s.jsonl"
    local doc = report(args:format(program.QUICK, program.dir))
    local f = pages.titled(doc, "p99 TTFT over workload.rate").figure
    assert.same({ "max_num_seqs=4", "max_num_seqs=64" }, { f.series[1].name, f.series[2].name })
    assert.same({ 2, 8, 20 }, f.series[1].x)
    local s = f.series[1]
    for i = 1, 3 do assert.is_true(s.low[i] <= s.y[i] and s.y[i] <= s.high[i]) end
    assert.equal(12, #pages.titled(doc, "All points").rows)
  end)

  it("draw bars where an axis has no numbers, and say which points failed", function()
    local path = program.dir .. "/b.html"
    assert.equal(1, (program.run(("sweep %s --set hardware=h100-sxm,gtx-1080ti -q --report %s --out %s/b.jsonl"):format(
      program.QUICK, path, program.dir))))
    local doc = pages.document(program.read(path))
    assert.same({ "hardware=h100-sxm" }, pages.titled(doc, "Mean TTFT").figure.x.labels)
    assert.matches("1 of 2 points could not run", doc.notices[1].text)
    assert.matches("GiB", pages.titled(doc, "All points").rows[2][#pages.titled(doc, "All points").columns])
  end)

  it("draw the ratios of a comparison", function()
    local doc = report("compare engine.max_num_seqs=1 engine.max_num_seqs=64 --replications 3 " .. program.QUICK)
    local f = pages.titled(doc, "Ratios to engine.max_num_seqs=1").figure
    for r, name in ipairs(f.rows) do
      if name == "queue.mean" then assert.is_true(f.series[1].from[r] < f.series[1].to[r] and f.series[1].to[r] < 1) end
    end
    assert.is_table(pages.titled(doc, "ttft.mean"))
    assert.equal("metric", pages.titled(doc, "All metrics").columns[1].name)
  end)

  it("draw each objective of a capacity with its limit", function()
    local doc = report("capacity " .. program.QUICK .. " --slo 'tpot.mean<=10ms' --until 50% --seeds 2")
    local f = pages.titled(doc, "tpot.mean <= 10ms").figure
    assert.equal("limit", f.series[2].name)
    assert.equal(10, f.series[2].y[1])
    assert.is_true(#f.series[1].x > 3)
  end)

  it("draw what latencies are made of: parts that add up to them", function()
    local doc = report("why " .. program.QUICK .. " --seeds 1")
    for _, metric in ipairs { "TTFT", "E2E" } do
      local f = pages.titled(doc, "What " .. metric .. " is made of").figure
      local whole = pages.titled(doc, metric).rows
      whole = whole[#whole]
      for i = 1, #f.x.labels do
        local sum = 0
        for _, s in ipairs(f.series) do sum = sum + s.y[i] end
        assert.near(whole[i + 1], sum, 1e-4 * sum)
      end
    end
    assert.is_table(pages.titled(doc, "What binds E2E"))
    assert.is_true(#pages.titled(doc, "What a tenth more would change").figure.x.labels > 2)
  end)

  it("draw the trade-offs of a plan", function()
    local page = require "oracle.study.pages.plan"
    local doc = page.document({
      visited = 3, simulated = 2, why_not = { { family = "b200", why = "dearer", candidates = 2 } },
      plans = { { deployment = "h200 TP1", units = 2, gpus = 2, usd_per_hour = 7.5, launch = { "vllm serve m" },
        scenario = "return 1" } },
      pareto = { throughput_speed = { { deployment = "h200 TP1", tokens_per_second_per_gpu = 900,
        tokens_per_second_per_user = 30 },
                                      { deployment = "b200 TP2", tokens_per_second_per_gpu = 500,
                                        tokens_per_second_per_user = 80 } },
                 price_latency = {} } }, "a plan")
    local f = pages.titled(doc, "Throughput against speed").figure
    assert.same({ "h200", "b200" }, { f.series[1].name, f.series[2].name })
    assert.same({ { 30 }, { 900 }, { "h200 TP1" } }, { f.series[1].x, f.series[1].y, f.series[1].names })
    assert.equal("vllm serve m", pages.titled(doc, "How it is started").text)
  end)

  it("show a table of measurements: its errors, its worst rows, and the rows that are not in it", function()
    local lines = { "id,concurrency,backend,model_path,system,mode,isl,osl,silicon_ttft_ms,silicon_tpot_ms\n" }
    for i, row in ipairs { "4,vllm,meta-llama/Llama-3.1-8B-Instruct,h100_sxm,agg,512,128,40,8",
                           "4,vllm,meta-llama/Llama-3.1-8B-Instruct,h200_sxm,agg,512,128,40,8",
                           "4,vllm,meta-llama/Llama-3.1-8B-Instruct,h100_sxm,agg,512,128,40,1",
                           "4,vllm,nobody/knows-1b,h100_sxm,agg,512,128,40,8",
                           "4,vllm,deepseek-ai/DeepSeek-R1,h100_sxm,agg,512,128,40,8" } do
      lines[#lines + 1] = ("r%d,%s\n"):format(i, row)
    end
    local path = program.write("rows.csv", table.concat(lines))
    local doc = report(("validate '%s' --json '%s/rows.json' --csv '%s/errors.csv'"):format(path, program.dir,
      program.dir))
    local told = json.decode(program.read(program.dir .. "/rows.json"))
    assert.same({ "rows.csv", "1 rows break physics and are not counted." }, { doc.title, doc.notices[1].text })

    local all = pages.titled(doc, "Absolute error and bias")
    assert.same({ "TTFT", "TPOT" }, { all.rows[1][1], all.rows[2][1] })
    assert.same({ "metric", "rows", "mean", "median" }, { all.columns[1].name, all.columns[2].name,
                                                          all.columns[3].name, all.columns[4].name })
    assert.equal(told.overall.tpot.n, all.rows[2][2])
    assert.near(told.overall.tpot.mean, all.rows[2][3], 1e-3 * told.overall.tpot.mean)

    local gpus = pages.titled(doc, "By gpu")
    assert.same({ "h100-sxm", "TPOT", 1 }, { gpus.rows[1][1], gpus.rows[1][2], gpus.rows[1][3] })
    assert.equal("h200", gpus.rows[2][1]:match "^h200")
    assert.is_nil(pages.titled(doc, "By engine"))         -- of one kind alone
    local worst = pages.titled(doc, "The worst rows")
    assert.same({ told.worst[1].id, "TTFT", 40 }, { worst.rows[1][1], worst.rows[1][2], worst.rows[1][3] })

    local reasons = pages.titled(doc, "Rows that are not in it").rows
    assert.same({ "skipped", 1, "unknown model nobody/knows-1b" }, reasons[1])
    assert.same({ "could not run", 1 }, { reasons[2][1], reasons[2][2] })
    assert.matches("memory", reasons[2][3])
    local drawn = pages.titled(doc, "TPOT, predicted against measured").figure.series
    assert.same({ { "h100-sxm", 1 }, { "counted apart", 1 } }, { { drawn[1].name, #drawn[1].x },
                                                                { drawn[3].name, #drawn[3].x } })
  end)

  it("draw measured against predicted", function()
    local page = require "oracle.study.pages.validate"
    local entries = {}
    for i = 1, 5000 do
      entries[i] = { row = { gpu = i % 3 == 0 and "h100" or "b200", id = "r" .. i },
                     compared = { tpot = { measured = i, predicted = 1.1 * i, error = 0.1 } } }
    end
    local list = page.figures(entries)
    assert.equal(1, #list)
    local s, n = list[1].series, 0
    for i = 1, 2 do
      n = n + #s[i].x
      assert.near(1.1, s[i].y[7] / s[i].x[7], 1e-4)
    end
    assert.is_true(n <= 4000)
    assert.same({ "equal", "+20 %", "-20 %" }, { s[3].name, s[4].name, s[5].name })
  end)
end)
