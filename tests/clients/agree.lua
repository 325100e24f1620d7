--- What a client measured beside what `oracle run` says of the recorded trace, at most 2% apart; TTFT and E2E less what
-- the client measured of a server that answers at once, which is its own and loopback's time.
-- usage: agree.lua CLIENT CLIENT.json IDLE.json REPLAY.csv TOKENS
local json = require("oracle.core").json

local MOST = 0.02

-- Where each client writes its means, in ms and tokens/s.
local CLIENTS = {
  guidellm = function(d)
    local m = d.benchmarks[1].metrics
    local function mean(name) return m[name].successful.mean end
    return { ttft = mean "time_to_first_token_ms", itl = mean "inter_token_latency_ms",
             e2e = 1e3 * mean "request_latency", throughput = mean "output_tokens_per_second",
             requests = m.request_totals.successful }
  end,
  aiperf = function(d)
    return { ttft = d.time_to_first_token.avg, itl = d.inter_token_latency.avg, e2e = d.request_latency.avg,
             throughput = d.output_token_throughput.avg, requests = d.request_count.avg }
  end,
}

local function read(path)
  local f = assert(io.open(path))
  local text = f:read "a"
  f:close()
  return text
end

-- Means of the simulation over the requests with so many tokens: what a client sends to warm up is not among them.
local function simulated(path, tokens)
  local names, sums, n, first, last, out = nil, { ttft = 0, itl = 0, e2e = 0 }, 0, math.huge, 0, 0
  for line in read(path):gmatch "[^\n]+" do
    local row, i = {}, 0
    for cell in (line .. ","):gmatch "([^,]*)," do
      i = i + 1
      row[names and names[i] or i] = cell
    end
    if not names then
      names = row
    elseif row.status == "SUCCESS" and tonumber(row.output_tokens) == tokens then
      n = n + 1
      sums.ttft, sums.itl = sums.ttft + tonumber(row.ttft_ms), sums.itl + tonumber(row.tpot_ms)
      sums.e2e, out = sums.e2e + tonumber(row.e2e_latency_ms), out + tokens
      first, last = math.min(first, tonumber(row.arrival_time)), math.max(last, tonumber(row.completion_time))
    end
  end
  for key, sum in pairs(sums) do sums[key] = sum / n end
  sums.requests, sums.throughput = n, out / (last - first)
  return sums
end

local client, measured, idle, replay, tokens = table.unpack(arg)
tokens = tonumber(tokens)
local m, z = CLIENTS[client](json.decode(read(measured))), CLIENTS[client](json.decode(read(idle)))
local s = simulated(replay, tokens)
local bad = 0

local function line(name, got, wanted)
  local off = got / wanted - 1
  bad = bad + (math.abs(off) > MOST and 1 or 0)
  print(("  %-9s %-16s %10.3f   simulated %10.3f   %+6.2f%%"):format(client, name, got, wanted, 100 * off))
end

print(("  %-9s its own time: %.3f ms to a first token, %.3f ms to the last; %d requests, %d simulated"):format(client,
  z.ttft, z.e2e, m.requests, s.requests))
line("TTFT (ms)", m.ttft - z.ttft, s.ttft)
line("ITL (ms)", m.itl, s.itl)
line("E2E (ms)", m.e2e - z.ttft, s.e2e)
line("tokens/s", m.throughput, s.throughput)
os.exit(bad == 0 and 0 or 1)
