--- Requests as a CSV with the columns of `--csv` that they tell: a trace for oracle.workload.trace, and measured data
-- for `oracle validate`.
local requests_csv = {}

local HEAD = "request_id,prompt_tokens,max_output_tokens,output_tokens,arrival_time,completion_time,status,ttft_ms,"
  .. "tpot_ms,e2e_latency_ms"

local function time(v) return v and ("%.6f"):format(v) or "" end

local function tokens(v) return ("%d"):format(math.floor(v + 0.5)) end

--- The text, piece by piece.
-- @param list { { arrival =, prompt =, output =, id =, max_output =, completion =, ttft =, tpot =, e2e = }, ... }
function requests_csv.text(list)
  local i = -1
  return function()
    i = i + 1
    if i == 0 then return HEAD .. "\n" end
    local r = list[i]
    if not r then return nil end
    local id = tostring(r.id or "req_" .. i):gsub("[^%w_.-]", "_")
    local e2e = r.e2e or r.completion and 1000 * (r.completion - r.arrival)
    return table.concat({ id, tokens(r.prompt), tokens(math.max(r.max_output or 0, r.output)), tokens(r.output),
                          time(r.arrival), time(r.completion), "SUCCESS", time(r.ttft), time(r.tpot), time(e2e) },
                        ",") .. "\n"
  end
end

return requests_csv
