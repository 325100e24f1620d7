--- Runs a scenario of a test and reads its CSV back: the requests as tables, numbers as numbers.
local oracle = require "oracle"
local study = require "oracle.study"

local rows = {}

local function split(line)
  local out = {}
  for field in (line .. ","):gmatch("([^,]*),") do out[#out + 1] = field end
  return out
end

--- The rows of a CSV of requests.
function rows.read(path)
  local out, header = {}, nil
  for line in io.lines(path) do
    local fields = split(line)
    if not header then
      header = fields
    else
      local row = {}
      for i, name in ipairs(header) do
        if fields[i] ~= "" then row[name] = tonumber(fields[i]) or fields[i] end
      end
      out[#out + 1] = row
    end
  end
  return out
end

--- @return the list of requests in order of arrival; and the summary
function rows.of(t)
  local path = os.tmpname()
  local summary = study.run(oracle.scenario(t), { csv = path })
  local out = rows.read(path)
  os.remove(path)
  return out, summary
end

--- A small deployment whose step takes `step` whatever it computes, with the keys of `t`.
function rows.constant(step, t)
  local all = { model = "llama-3.1-8b", hardware = "h100-sxm", cost = { kind = "constant", constant_step = step } }
  for k, v in pairs(t) do all[k] = v end
  return all
end

return rows
