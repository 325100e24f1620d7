--- `oracle serve`: OpenAI's API over loopback, as clients use it and misuse it.
local json = require("oracle.core").json
local program = require "program"

local SCENARIO = [[
local oracle = require "oracle"
return oracle.scenario { model = "llama-3.1-8b", hardware = "h100-sxm", replicas = 2, %s
  engine = { max_model_len = 2000 },
  workload = oracle.workload.poisson { rate = 20, duration = 60, prompt = 100, output = 30 } }
]]

local JSON = "-H 'content-type: application/json'"

local servers = {}

-- A server of the scenario, when it listens.
-- @param before what its shell does first
local function start(options, scenario, before)
  local n = #servers + 1
  program.write("s.lua", SCENARIO:format(scenario or ""))
  local p = io.popen(("cd '%s' && %s { '%s' serve s.lua --port 0 %s >out%d 2>err%d </dev/null & echo $!; }"):format(
    program.dir, before or "", program.path(), options or "", n, n))
  local server = { pid = p:read "n", n = n }
  p:close()
  servers[n] = server
  local text = ""
  for _ = 1, 500 do
    local f = io.open(program.dir .. "/err" .. n)
    text = f and f:read "a" or ""
    if f then f:close() end
    server.port = tonumber(text:match "http://127%.0%.0%.1:(%d+)")
    if server.port then return server end
    os.execute "sleep 0.02"
  end
  error("it does not listen: " .. text)
end

-- One that has ended may still be there for its parent to hear of it.
local function is_alive(server)
  return (os.execute(("test -e /proc/%d/exe"):format(server.pid)))
end

-- Told to end, it does: what it said on stdout and stderr.
local function stop(server)
  os.execute(("kill %d 2>/dev/null"):format(server.pid))
  for _ = 1, 500 do
    if not is_alive(server) then break end
    os.execute "sleep 0.02"
  end
  assert.is_falsy(is_alive(server), "it does not end")
  server.pid = nil
  return program.read(program.dir .. "/out" .. server.n), program.read(program.dir .. "/err" .. server.n)
end

local function sh(command)
  local p = io.popen(command)
  local text = p:read "a"
  p:close()
  return text
end

-- A request by curl: the body of the answer, its status, its header.
local function ask(server, path, body, more)
  local file = body and program.write("body", type(body) == "table" and json.encode(body) or body)
  local text = sh(("curl -s -m 20 -D '%s/head' -w '\n%%{http_code}' %s %s 'http://127.0.0.1:%d%s'"):format(
    program.dir, file and ("%s --data-binary @%s"):format(JSON, file) or "", more or "", server.port, path))
  local answer, status = text:match "^(.*)\n(%d+)$"
  return answer, tonumber(status), program.read(program.dir .. "/head")
end

local function asked(server, path, body, more)
  local text, status = ask(server, path, body, more)
  assert.equal(200, status, text)
  return json.decode(text)
end

-- The events of a stream, decoded; whether its last is [DONE].
local function events(text)
  local list, done = {}, false
  for event in text:gmatch "(.-)\n\n" do
    assert.is_false(done, "an event behind [DONE]")
    local data = event:match "^data: (.*)$"
    if data == "[DONE]" then done = true else list[#list + 1] = json.decode(data) end
  end
  return list, done
end

local function live(server) return asked(server, "/live.json") end

-- Raw bytes over a connection of its own; what comes back in that time, s.
local function raw(server, bytes, seconds)
  local file = program.write("raw", bytes)
  return sh(("bash -c 'exec 3<>/dev/tcp/127.0.0.1/%d; cat %s >&3; timeout %g cat <&3'"):format(server.port, file,
    seconds or 0.3))
end

setup(program.open)
teardown(function()
  for _, s in ipairs(servers) do
    if s.pid then os.execute(("kill %d 2>/dev/null"):format(s.pid)) end
  end
  -- Told to, they end and have counted what of them ran (make coverage); who does not is ended.
  for _, s in ipairs(servers) do
    for _ = 1, 150 do
      if not s.pid or not is_alive(s) then break end
      os.execute "sleep 0.02"
    end
    if s.pid then os.execute(("kill -9 %d 2>/dev/null"):format(s.pid)) end
  end
  program.close()
end)

local s                                                   -- the server that most tests ask

setup(function() s = start "--admin" end)

describe("completions", function()
  it("count tokens as four bytes of text, and answer as many as asked for, always the same", function()
    local body = { prompt = "Hello world, how are you", max_tokens = 7 }
    local first, again = asked(s, "/v1/completions", body), asked(s, "/v1/completions", body)
    assert.same({ 6, 7, 13 }, { first.usage.prompt_tokens, first.usage.completion_tokens, first.usage.total_tokens })
    assert.equal(28, #first.choices[1].text)
    assert.equal("length", first.choices[1].finish_reason)
    assert.equal(json.null, first.choices[1].logprobs)
    assert.equal(first.choices[1].text, again.choices[1].text)
  end)

  it("take ids, lists of prompts and n, in order", function()
    local ids = asked(s, "/tokenize", { prompt = "Hello world, how are you" }).tokens
    assert.equal(6, #ids)
    assert.equal("Hello world, how are you", asked(s, "/detokenize", { tokens = ids }).prompt)
    local by_ids = asked(s, "/v1/completions", { prompt = ids, max_tokens = 3 })
    local many = asked(s, "/v1/completions", { prompt = { "Hello world, how are you", "another" }, max_tokens = 3,
                                               n = 2 })
    assert.equal(by_ids.choices[1].text, many.choices[1].text)
    assert.same({ 0, 1, 2, 3 }, { many.choices[1].index, many.choices[2].index, many.choices[3].index,
                                  many.choices[4].index })
    assert.same({ 8, 12 }, { many.usage.prompt_tokens, many.usage.completion_tokens })
  end)

  it("draw a length that is left open from the scenario's outputs, and end with stop", function()
    local a = asked(s, "/v1/completions", { prompt = "open" })
    assert.same({ 30, "stop" }, { a.usage.completion_tokens, a.choices[1].finish_reason })
    assert.equal(40, asked(s, "/v1/completions", { prompt = "open", min_tokens = 40 }).usage.completion_tokens)
  end)

  it("end before a stop string", function()
    local whole = asked(s, "/v1/completions", { prompt = "stop here", max_tokens = 20 }).choices[1].text
    local word = whole:sub(23, 27)                        -- across tokens
    local at = whole:find(word, 1, true)
    local cut = asked(s, "/v1/completions", { prompt = "stop here", max_tokens = 20, stop = { "never", word } })
    assert.equal(whole:sub(1, at - 1), cut.choices[1].text)
    assert.same({ "stop", word }, { cut.choices[1].finish_reason, cut.choices[1].stop_reason })
    assert.equal((at + #word - 2) // 4 + 1, cut.usage.completion_tokens)
  end)

  it("find what others have asked, and what was answered, in the prefix cache", function()
    local text = ("the same beginning "):rep(20)
    asked(s, "/v1/completions", { prompt = text, max_tokens = 1 })
    local again = asked(s, "/v1/completions", { prompt = text .. "and more", max_tokens = 1 })
    assert.is_true(again.usage.prompt_tokens_details.cached_tokens % 16 == 0)
    local messages = { { role = "user", content = text } }
    local one = asked(s, "/v1/chat/completions", { messages = messages, max_tokens = 100 })
    messages[2] = one.choices[1].message
    messages[3] = { role = "user", content = "go on" }
    local best = 0
    for _ = 1, 4 do                                       -- one of the two replicas has it
      local two = asked(s, "/v1/chat/completions", { messages = messages, max_tokens = 1 })
      best = math.max(best, two.usage.prompt_tokens_details.cached_tokens)
    end
    assert.is_true(best >= (one.usage.prompt_tokens + 99) // 16 * 16, best .. " tokens were found")
  end)

  it("stream a chat in events, with the role first and usage last", function()
    local text = ask(s, "/v1/chat/completions", { messages = { { role = "user", content = "hi" } }, max_tokens = 5,
                                                  stream = true, stream_options = { include_usage = true } })
    local list, done = events(text)
    assert.is_true(done)
    assert.equal(7, #list)
    assert.equal("assistant", list[1].choices[1].delta.role)
    assert.equal("length", list[6].choices[1].finish_reason)
    assert.same({}, list[7].choices)
    assert.equal(5, list[7].usage.completion_tokens)
    local whole = asked(s, "/v1/chat/completions", { messages = { { role = "user", content = "hi" } }, max_tokens = 5 })
    local said = ""
    for i = 2, 6 do said = said .. list[i].choices[1].delta.content end
    assert.equal(whole.choices[1].message.content, said)
  end)
end)

describe("what is wrong", function()
  local function refused(status, body, pattern, path, more)
    local text, got = ask(s, path or "/v1/completions", body, more)
    assert.equal(status, got, text)
    local e = json.decode(text).error
    assert.same({ json.null, status }, { e.param, e.code })
    assert.matches(pattern, e.message)
  end

  it("is told as vLLM tells it", function()
    refused(404, { prompt = "x", model = "gpt" }, "The model `gpt` does not exist.")
    refused(400, { prompt = ("x"):rep(8000) }, "maximum context length is 2000 tokens")
    refused(400, { prompt = "x", max_tokens = 5000 }, "is too large: 5000%. .*%(5000 > 2000 %- 1%)")
    refused(400, { prompt = "x", max_tokens = 0 }, "max_tokens must be at least 1, got 0")
    refused(400, { prompt = "x", n = 0 }, "n must be at least 1")
    refused(400, { prompt = "x", n = 100000 }, "answers")
    refused(400, { prompt = "x", min_tokens = 9, max_tokens = 3 },
      "min_tokens must be less than or equal to max_tokens=3, got 9")
    refused(400, { prompt = "x", temperature = -1 }, "temperature must be non%-negative, got %-1")
    refused(400, { prompt = "x", top_p = 0 }, "top_p must be in %(0, 1%]")
    refused(400, { prompt = "x", stop = "" }, "stop cannot contain an empty string")
    refused(400, { prompt = "" }, "prompt cannot be empty")
    refused(400, { prompt = { 1.5 } }, "valid integer")
    refused(400, { prompt = { -1 } }, "out of vocabulary")
    refused(400, { prompt = "x", max_tokens = "5" }, "'max_tokens'.*valid integer")
    refused(400, { prompt = "x", stream = "yes" }, "valid boolean")
    refused(400, { prompt = "x", stream_options = { include_usage = true } }, "only be defined when `stream=True`")
    refused(400, { messages = {} }, "messages", "/v1/chat/completions")
    refused(400, { messages = { { content = "x" } } }, "role", "/v1/chat/completions")
    for path, why in pairs { ["/nowhere"] = "Not Found", ["/v1/completions"] = "Method Not Allowed" } do
      local text, status = ask(s, path)                   -- by the router, which knows nothing of OpenAI's errors
      assert.same({ { detail = why }, why == "Not Found" and 404 or 405 }, { json.decode(text), status })
    end
    refused(415, { prompt = "x" }, "application/json", nil, "-H 'content-type: text/plain'")
  end)

  it("is refused in whatever a body may be", function()
    local deep = ("["):rep(10000)
    for _, body in ipairs { "", "{", "[1]", "null", "{\"prompt\":NaN}", "{\"prompt\":\"x\",\"max_tokens\":1e400}",
                            "{\"prompt\":\"\xff\xfe\"}", "{\"prompt\":\"a\\u0000b\"}",
                            "{\"prompt\":\"x\"} trailing", deep,
                            "{\"prompt\":" .. deep .. ("]"):rep(10000) .. "}",
                            "{\"prompt\":[" .. ("1,"):rep(1100000) .. "1]}" } do
      local text, status = ask(s, "/v1/completions", body)
      assert.equal(400, status, body:sub(1, 40) .. ": " .. text)
    end
    local zeros = sh(("head -c 100000000 /dev/zero | curl -s -m 20 -o /dev/null -w '%%{http_code}' %s "
      .. "--data-binary @- http://127.0.0.1:%d/v1/completions"):format(JSON, s.port))
    assert.equal("413", zeros)
    assert.equal(200, select(2, ask(s, "/v1/completions", { prompt = "x", max_tokens = 1, unheard_of = { 1, 2 } })))
  end)

  it("may have stop strings of any length, which hold up nobody", function()
    local stops = {}
    for i = 1, 60 do stops[i] = i .. ("ab"):rep(100000) end
    program.write("stops", json.encode { prompt = "x", max_tokens = 1900, stop = stops })
    sh(("curl -s -m 0.5 %s --data-binary @%s/stops http://127.0.0.1:%d/v1/completions"):format(JSON, program.dir,
      s.port))
    assert.equal(200, select(2, ask(s, "/health", nil, "-m 5")))
  end)

  it("of HTTP closes the connection, and no other", function()
    assert.matches("^HTTP/1.1 400", raw(s, "nonsense\r\n\r\n"))
    assert.matches("^HTTP/1.1 431", raw(s, "GET / HTTP/1.1\r\nx: " .. ("y"):rep(40000) .. "\r\n\r\n"))
    assert.matches("^HTTP/1.1 414", raw(s, "GET /" .. ("y"):rep(5000) .. " HTTP/1.1\r\n\r\n"))
    assert.matches("^HTTP/1.1 400", raw(s, "POST /tokenize HTTP/1.1\r\ncontent-length: 5\r\n"
      .. "transfer-encoding: chunked\r\n\r\nhello"))
    assert.matches("^HTTP/1.1 400", raw(s, "POST /tokenize HTTP/1.1\r\ncontent-length: -5\r\n\r\nhello"))
    -- Half of one is waited for.
    assert.equal("", raw(s, "POST /tokenize HTTP/1.1\r\ncontent-length: 500\r\n\r\nhello"))
    local two = raw(s, "GET /health HTTP/1.1\r\n\r\nGET /version HTTP/1.1\r\nconnection: close\r\n\r\n")
    assert.matches("200 OK.*200 OK.*version", two)        -- one behind the other
    local many = raw(s, ("GET /health HTTP/1.1\r\n\r\n"):rep(3000), 1)
    assert.equal(3000, select(2, many:gsub("HTTP/1.1 200 OK", "")))
    assert.matches("\r\n\r\n$", raw(s, "GET /health HTTP/1.0\r\n\r\n"))
    assert.matches("405.*\r\n\r\n$", raw(s, "HEAD /health HTTP/1.1\r\n\r\n"))
    assert.is_true(is_alive(s))
  end)

  it("of the command line is one line", function()
    program.write("s.lua", SCENARIO:format "")
    local file = program.dir .. "/s.lua"
    program.refused(2, "serve " .. file .. " --speed 0", "%-%-speed 0: ")
    program.refused(2, "serve " .. file .. " --speed fast", "%-%-speed fast: ")
    program.refused(2, "serve " .. file .. " --port 70000", "%-%-port 70000")
    program.refused(2, "serve " .. file .. " --served-model-name ''", "%-%-served%-model%-name: a name")
    program.refused(1, ("serve %s --port %d"):format(file, s.port),
      "cannot listen at 127.0.0.1 port %d+: Address already in use; %-%-port")
    program.refused(1, "serve " .. file .. " --host 203.0.113.9 --port 0", "cannot listen at 203.0.113.9")
    program.refused(1, "serve " .. file .. " --host no.such.host.invalid --port 0", "no address")
    program.refused(2, "serve " .. file .. " --set replicas=0 --port 0", "replicas")
    program.refused(1, "serve " .. file .. " --set model=llama-3.1-405b --port 0", "fit")
    program.refused(1, "serve " .. file .. " --record /no/such/folder/f --port 0",
      "/no/such/folder/f: cannot be written")
    program.refused(2, "serve " .. file .. " --record " .. file, "the file that is read")
  end)
end)

describe("a request that is its connection's last", function()
  it("is read to its end, however large it is", function()
    local text = asked(s, "/tokenize", { prompt = ("word"):rep(200000) }, "-H 'connection: close'")
    assert.equal(200000, text.count)
  end)
end)

describe("usage in each event", function()
  it("tells what is known by then", function()
    local text = ask(s, "/v1/completions", { prompt = "x", max_tokens = 3, stream = true,
      stream_options = { include_usage = true, continuous_usage_stats = true } })
    local list = events(text)
    for i = 1, 3 do
      assert.same({ prompt_tokens = 1, completion_tokens = i, total_tokens = 1 + i }, list[i].usage)
    end
    assert.is_truthy(list[4].usage.simulated and list[4].usage.prompt_tokens_details)
  end)
end)

describe("a simulation that takes longer than what it simulates", function()
  it("keeps its clock waiting, and says so once", function()
    local policy = program.write("slow.lua", [[
      return require("oracle.policy").batching { name = "slow", every_step = true, step = function(b, e, s)
        s.text = ("x"):rep(8000000)
        local left = e.max_num_batched_tokens - b:decode()
        if left > 0 then b:fill(left) end
      end }]])
    local slow = start("", ('cost = { kind = "constant", constant_step = "1 us" }, batching = %q,'):format(policy))
    assert.equal(150, asked(slow, "/v1/completions", { prompt = "x", max_tokens = 150 }).usage.completion_tokens)
    local _, err = stop(slow)
    assert.equal(1, select(2, err:gsub("oracle: warning: the simulation fell behind the wall clock", "")))
  end)
end)

describe("clients that go", function()
  it("give their blocks back when they are killed in mid-stream", function()
    program.write("long", json.encode { prompt = ("long "):rep(300), max_tokens = 1500, stream = true, n = 3 })
    sh(("cd '%s' && { curl -sN %s --data-binary @long http://127.0.0.1:%d/v1/completions >part & "
      .. "sleep 0.4; kill -9 $!; } 2>/dev/null"):format(program.dir, JSON, s.port))
    assert.matches("data: ", program.read(program.dir .. "/part"))
    local l
    for _ = 1, 50 do
      l = live(s)
      if l.live == 0 then break end
      os.execute "sleep 0.02"
    end
    assert.same({ 0, 0 }, { l.live, l.under_way })
    for _, r in ipairs(l.replicas) do assert.same({ 0, 0 }, { r.running, math.floor(r.kv * 1e4) }) end
  end)

  it("wait where no descriptor is left for them, until others have gone", function()
    local few = start("", "", "ulimit -n 40 &&")
    local status = sh(("bash -c 'for i in $(seq 10 69); do eval \"exec $i<>/dev/tcp/127.0.0.1/%d\" || exit; done; "
      .. "curl -s -m 1 -o /dev/null -w %%{http_code} http://127.0.0.1:%d/health'"):format(few.port, few.port))
    assert.equal("000", status)
    assert.equal(200, select(2, ask(few, "/health")))     -- the sixty ended with their shell
    stop(few)
  end)

  it("may come by the thousand, and wait", function()
    assert.is_true(live(s).connections <= 3)
    sh(("bash -c 'for i in $(seq 4 250); do eval \"exec $i<>/dev/tcp/127.0.0.1/%d\" || exit; done; "
      .. "curl -s http://127.0.0.1:%d/live.json >%s/many'"):format(s.port, s.port, program.dir))
    assert.equal(248, json.decode(program.read(program.dir .. "/many")).connections)
  end)
end)

describe("metrics", function()
  it("are what Prometheus reads, and count what was asked", function()
    local text, status, head = ask(s, "/metrics")
    assert.equal(200, status)
    assert.matches("content%-type: text/plain; version=0.0.4", head)
    local names, ended = {}, 0
    for line in text:gmatch "[^\n]+" do
      local name, kind = line:match "^# TYPE (%S+) (%a+)$"
      if name then names[name] = kind end
      assert.is_truthy(line:find "^# HELP " or line:find "^# TYPE " or line:find '^[%w_:]+{[%w_]+=".-"} %S+$', line)
      ended = ended + (tonumber(line:match "^vllm:request_success_total{.*} (%S+)$") or 0)
    end
    assert.same({ "gauge", "counter", "histogram" }, { names["vllm:num_requests_running"],
      names["vllm:generation_tokens_total"], names["vllm:time_to_first_token_seconds"] })
    assert.equal(live(s).arrived, math.tointeger(ended))
    local before = 0
    for le, count in text:gmatch 'vllm:e2e_request_latency_seconds_bucket{engine="0"[^}]*le="([^"]+)"} (%S+)' do
      assert.is_true(tonumber(count) >= before, le)
      before = tonumber(count)
    end
    assert.equal(before, tonumber(text:match 'vllm:e2e_request_latency_seconds_count{engine="0"[^}]*} (%S+)'))
  end)
end)

describe("orders", function()
  local function order(path, more) return ask(s, path, nil, "-X POST " .. (more or "")) end

  it("scale, fail and change what is served", function()
    assert.equal(5, json.decode((order "/scale?replicas=5")).replicas)
    assert.equal(5, #live(s).replicas)
    assert.equal(1, json.decode((order "/scale?replicas=1")).replicas)
    assert.is_true(json.decode((order "/admin/restore?replica=0")).done ~= nil)
    order "/scale?replicas=2"
    assert.is_true(json.decode((order "/admin/fail?replica=0&lasts=0.1")).done)
    assert.equal(8, json.decode((order "/admin/set?key=engine.max_num_seqs&value=8")).value)
    assert.equal(200, select(2, order "/admin/reload"))
    order "/sleep?level=1"
    assert.is_true(asked(s, "/is_sleeping").is_sleeping)
    assert.equal(503, select(2, ask(s, "/v1/completions", { prompt = "x" })))
    assert.equal(503, select(2, ask(s, "/readyz")))
    assert.equal(200, select(2, ask(s, "/health")))
    order "/wake_up"
    assert.equal(200, select(2, ask(s, "/readyz")))
  end)

  it("that cannot be carried out are refused, and reach no file", function()
    for _, path in ipairs { "/scale?replicas=x", "/scale?replicas=999", "/admin/set?key=engine.block_size&value=8",
                            "/admin/set?key=batching&value=../x.lua", "/admin/set?key=batching&value=x.lua",
                            "/admin/set?key=batching&value=os.exit()", "/admin/fail?replica=99", "/admin/set" } do
      assert.equal(400, select(2, order(path)), path)
    end
    assert.equal(403, select(2, order("/scale?replicas=1", "-H 'origin: http://elsewhere.example'")))
  end)

  it("are not there without --admin; a key is asked for", function()
    local keyed = start "--api-key secret --host 127.0.0.1"
    assert.equal(404, select(2, ask(keyed, "/scale?replicas=1", nil, "-X POST")))
    for _, key in ipairs { "", "Bearer secre", "Bearer secrets", "secret" } do
      assert.equal(401, select(2, ask(keyed, "/v1/models", nil, ("-H 'authorization: %s'"):format(key))))
    end
    assert.equal(200, select(2, ask(keyed, "/v1/models", nil, "-H 'authorization: Bearer secret'")))
    assert.equal(200, select(2, ask(keyed, "/health")))
    stop(keyed)
  end)
end)

-- Rows of the CSV without what tells the two workloads apart.
local function rows(path)
  return (program.read(path):gsub("client_%a+_", "client_"):gsub(",clients,", ",,"):gsub(",default,", ",,"))
end

local function record_and_replay(options, scenario)
  local r = start("--record rec.jsonl --csv live.csv " .. options, scenario)
  program.write("one", json.encode { prompt = ("shared "):rep(40) .. "1", max_tokens = 60, stream = true, n = 2 })
  program.write("two", json.encode { prompt = ("shared "):rep(40) .. "2", priority = -3 })
  local url = ("http://127.0.0.1:%d/v1/completions"):format(r.port)
  local post = "curl -s " .. JSON .. " -o /dev/null --data-binary "
  local each = ("%s @one -m 10 %s & %s @two -m 10 %s & %s @one -m 0.1 %s &"):format(post, url, post, url, post, url)
  sh(("cd '%s'; for i in 1 2 3 4 5 6 7 8; do %s done; wait"):format(program.dir, each))
  local out, err = stop(r)
  local again = "run s.lua --set workload=\"{kind='trace',path='rec.jsonl'}\" --csv again.csv -q"
  local code, _, why = program.run_there(again)
  assert.equal(0, code, why)
  assert.equal(rows(program.dir .. "/live.csv"), rows(program.dir .. "/again.csv"))
  return out, err
end

describe("a recorded run", function()
  it("is asked again to the same schedule, cancellations too", function()
    local out, err = record_and_replay ""
    assert.matches("Successful requests: +", out)
    assert.matches("# [12]%d requests, 0 refused, %d aborted", err)  -- some hang up before they are heard
    assert.matches("CANCELLED", program.read(program.dir .. "/live.csv"))
  end)

  it("is so as well at other speeds, under other policies", function()
    record_and_replay("--speed max", "batching = 'sjf',")
    record_and_replay("--speed 0.5", "engine = { async_scheduling = false },")
  end)
end)

describe("a server that ends", function()
  it("lets what is under way end, and takes nothing more", function()
    local d = start "--speed 1"
    program.write("long", json.encode { prompt = "x", max_tokens = 150, stream = true })
    local file = program.dir .. "/whole"
    os.execute(("cd '%s' && curl -sN %s --data-binary @long http://127.0.0.1:%d/v1/completions >%s &"):format(
      program.dir, JSON, d.port, file))
    os.execute "sleep 0.3"
    stop(d)
    local list, done = events(program.read(file))
    assert.is_true(done)
    assert.equal(150, #list)
  end)

  it("lets its clients read the rest", function()
    local d = start "--speed max"
    program.write("long", json.encode { prompt = "x", max_tokens = 1900, n = 20, stream = true })
    local file = program.dir .. "/whole"
    -- It reads slowly: when the answer has been made, megabytes of it wait for the client.
    os.execute(("cd '%s' && curl -sN %s --data-binary @long http://127.0.0.1:%d/v1/completions "
      .. "| { sleep 1.5; cat; } >%s &"):format(program.dir, JSON, d.port, file))
    os.execute "sleep 1"
    stop(d)
    for _ = 1, 100 do
      if program.read(file):find("data: [DONE]", 1, true) then break end
      os.execute "sleep 0.02"
    end
    assert.is_true(select(2, events(program.read(file))))
  end)
end)

describe("the background", function()
  it("runs beside the clients", function()
    local b = start "--background --speed 10"
    assert.equal(4, asked(b, "/v1/completions", { prompt = "x", max_tokens = 4 }).usage.completion_tokens)
    os.execute "sleep 0.3"
    local l = live(b)
    assert.equal(1, l.requests)
    assert.is_true(l.arrived > 20, l.arrived .. " have come")
    stop(b)
  end)
end)

describe("a bound", function()
  it("is what the command line says", function()
    local b = start("--served-model-name mine --max-body 300 --max-connections 3 --max-streams 1 --max-unread 20000 "
      .. "--drain-timeout 0")
    assert.equal("mine", asked(b, "/v1/models").data[1].id)
    assert.equal(200, select(2, ask(b, "/v1/completions", { model = "mine", prompt = "x", max_tokens = 1 })))
    assert.equal(413, select(2, ask(b, "/v1/completions", { prompt = ("x"):rep(400) })))
    -- Who does not read is dropped, and one more request than may be under way is turned down.
    program.write("unread", "POST /v1/completions HTTP/1.1\r\ncontent-type: application/json\r\n"
      .. ("content-length: 60\r\n\r\n%-60s"):format '{"prompt":"x","max_tokens":1900,"n":90,"stream":true}')
    os.execute(("bash -c 'exec 3<>/dev/tcp/127.0.0.1/%d; cat %s/unread >&3; sleep 20' & echo $! >%s/reader"):format(
      b.port, program.dir, program.dir))
    os.execute "sleep 0.3"
    assert.equal(503, select(2, ask(b, "/v1/completions", { prompt = "x", max_tokens = 1 })))
    local dropped = 0
    for _ = 1, 150 do
      dropped = live(b).dropped
      if dropped > 0 then break end
      os.execute "sleep 0.1"
    end
    assert.equal(1, dropped)
    assert.equal(0, live(b).under_way)
    local open = sh(("bash -c 'for i in 4 5 6 7; do eval \"exec $i<>/dev/tcp/127.0.0.1/%d\"; done; "
      .. "timeout 3 cat <&7'"):format(b.port))
    assert.matches("503 Service Unavailable", open)
    local begun = os.time()
    stop(b)
    assert.is_true(os.time() - begun <= 3)
    os.execute(("kill $(cat %s/reader) 2>/dev/null"):format(program.dir))
  end)
end)
