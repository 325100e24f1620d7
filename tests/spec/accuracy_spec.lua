-- How close the shipped fits come to real hardware: measurements of $ORACLE_DATA, a part of each table for speed. The
-- whole tables are for `oracle validate` (docs/validation.md).
local accuracy = require "oracle.study.accuracy"
local overload = require "oracle.study.overload"
local prediction = require "oracle.study.prediction"
local tables = require "oracle.formats.measured.tables"
require "oracle"

local FOLDER = os.getenv "ORACLE_DATA"

local function text_of(name)
  local f = FOLDER and io.open(FOLDER .. "/" .. name)
  local text = f and f:read "a"
  if f then f:close() end
  return text
end

local measured = {}

-- The comparison of each `every`-th row; nil where the data are not there.
local function compared(name, every, keep)
  local text = text_of(name)
  if not text then return nil end
  local key = name .. every
  if measured[key] then return measured[key][1], measured[key][2] end
  local rows, found, memo = {}, {}, {}
  for i, row in ipairs((tables.read(tables.kind(text), text, FOLDER .. "/" .. name))) do
    if i % every == 0 and (not keep or keep(row)) then
      row.scenario.cost = { kind = "auto" }
      for k, v in pairs(row.cost or {}) do row.scenario.cost[k] = v end
      rows[#rows + 1] = row
      found[#rows] = prediction.one(row.scenario, { requests = row.requests ~= nil or nil }, memo)
    end
  end
  local t, entries = accuracy.table(rows, found, {})
  measured[key] = { t, entries }
  return t, entries
end

local function needs(t)
  if not t then pending "no measurements in $ORACLE_DATA" end
  return t ~= nil
end

describe("predictions on real hardware", function()
  it("of load stages: E2E and TPOT within 5 %, TTFT within 8 %, on the mean", function()
    local t = compared("online/h100-vllm.csv", 1)
    if not needs(t) then return end
    assert.is_true(t.overall.e2e.mean <= 5 and t.overall.tpot.mean <= 5 and t.overall.ttft.mean <= 8)
  end)

  it("of overloads are overloads", function()
    local t, entries = compared("online/h100-vllm.csv", 1)
    if not needs(t) then return end
    for _, e in ipairs(entries) do
      local r, over = e.predicted.requests, e.row.failed_share > 0.1
      if over then assert.is_true(e.predicted.saturated or r.timed_out > 0.05 * r.total, e.row.id) end
    end
    local list = overload.table(entries)
    assert.equal(4, #list)
    for _, o in ipairs(list) do assert.is_true(o.predicted_as_overload) end
    assert.matches("4 of 4 predicted as such", overload.text(list))
  end)

  -- The same time to a step as was measured: then the clients' time-out takes as many requests as it did.
  it("of overloads lose as many requests as was measured, once steps take as long as measured", function()
    local t, entries = compared("online/h100-vllm.csv", 1)
    if not needs(t) then return end
    for _, e in ipairs(entries) do
      local slower = e.row.measured.tpot / e.predicted.tpot.mean
      if e.row.failed_share > 0 and slower > 1 then
        local was, scaled = e.row.scenario.workload, { workload = {} }
        for k, v in pairs(e.row.scenario) do scaled[k] = scaled[k] or v end
        for k, v in pairs(was) do scaled.workload[k] = v end
        scaled.workload.rate, scaled.workload.timeout = was.rate * slower, was.timeout / slower
        local p = prediction.one(scaled, {})
        assert.near(e.row.failed_share, p.requests.timed_out / p.requests.total, 0.04, e.row.id)
      end
    end
  end)

  it("of closed loops: TPOT within 7 % in the middle, 16 % for four in five", function()
    local t = compared("silicon/train.csv", 8, function(row) return not row.apart end)
    if not needs(t) then return end
    assert.is_true(t.rows > 100)
    assert.is_true(t.overall.tpot.median <= 7.5 and t.overall.tpot.p80 <= 17)
  end)

  it("of closed loops lie in their intervals as often as these say", function()
    local t = compared("silicon/train.csv", 8, function(row) return not row.apart end)
    if not needs(t) then return end
    assert.is_true(t.coverage_pct.tpot >= 75 and t.coverage_pct.tpot <= 97)
  end)
end)
