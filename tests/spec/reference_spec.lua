--- The list of docs/reference.md against the files it is of, where they are: $ORACLE_REFERENCE, or beside the data.
local json = require("oracle.core").json
local program = require "program"

local FOLDER = os.getenv("ORACLE_REFERENCE")
  or (os.getenv("ORACLE_DATA") or "../shared/data") .. "/../spec/reference/configs"

local function text_of(path)
  local f = io.open(path)
  local text = f and f:read("a")
  if f then f:close() end
  return text
end

-- The rows of the first table: { name, TTFT, TPOT, tok/s }, as text.
local function listed()
  local rows = {}
  for line in text_of("docs/reference.md"):match("| `NAME.yaml`.-\n\n"):gmatch("[^\n]+") do
    local name, ttft, tpot, rate = line:match("^| ([%w_]+) | [^|]+ | *([^|]-) *| *([^|]-) *| *([^|]-) *|$")
    if name then rows[#rows + 1] = { name, ttft, tpot, rate } end
  end
  return rows
end

local function as_listed(v, format)
  return v and format:format(v) or "-"
end

describe("the page of configurations", function()
  setup(program.open)
  teardown(program.close)

  it("lists what each gives", function()
    local rows = listed()
    assert.equal(10, #rows)
    local absolute = FOLDER:sub(1, 1) == "/" and FOLDER or os.getenv("PWD") .. "/" .. FOLDER
    if not text_of(absolute .. "/" .. rows[1][1] .. ".yaml") then return pending("no configurations in " .. FOLDER) end
    local again = {}
    for _, row in ipairs(rows) do
      local name = row[1]
      local rc, out, err = program.run_there(("run '%s/%s.yaml' -q --json -"):format(absolute, name))
      if row[2] == "refused" then
        assert.equal(1, rc)
        assert.matches("the model does not fit: weights 131.42 GiB", err)
      else
        assert.equal(0, rc, err)
        again[name] = (again[name] or 0) + 1
        local result = json.decode(out)
        local s = result.points and result.points[again[name]] or result
        local ttft, tpot = s.latency.time_to_first_token_ms.p50, s.latency.time_per_output_token_ms.p50
        assert.same({ name, as_listed(ttft, ttft and ttft > 1000 and "%.0f" or "%.1f"), as_listed(tpot, "%.2f"),
                      ("%.0f"):format(s.throughput.output_tokens_per_second) }, row)
      end
    end
  end)
end)
