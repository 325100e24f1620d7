--- The models of tests/spec/published.lua as the reader takes them, beside what is published; and the table of them in
-- docs/models.md.
local checkpoint = require "oracle.models.checkpoint"
local core = require "oracle.core"
local huggingface = require "oracle.models.huggingface"

local published_table = {}

-- "compressed-tensors int4, 4.125 bits": how most weights are stored.
local function format_of(e, m)
  local q = e.config.quantization_config or e.config.text_config and e.config.text_config.quantization_config
  if not q then return m.torch_dtype or "bf16" end
  local bits = m.weight_bits.expert or m.weight_bits.up or m.weight_bits.qkv
  return ("%s, %s of %.4g bits"):format(q.quant_method or "MLX", m.quantization, bits)
end

--- @param list of tests/spec/published.lua
-- @return a list of { id, format, parameters, bytes: as the reader takes them, parameters_off, bytes_off: % above what
--   is published, warnings, entry }
function published_table.rows(list)
  local rows = {}
  for i, e in ipairs(list) do
    local m = huggingface.read(e.config, e.id)
    local parameters = core.cost.parameters(m).total + (e.mtp and checkpoint.mtp_parameters(m) or 0)
    local bytes = checkpoint.bytes(m)
    rows[i] = { id = e.id, format = format_of(e, m), parameters = parameters, bytes = bytes, warnings = m.warnings,
                entry = e, parameters_off = e.parameters and 100 * (parameters / e.parameters - 1),
                bytes_off = e.bytes and 100 * (bytes / e.bytes - 1) }
  end
  return rows
end

local function column(published, off, form, unit)
  if not published then return "|" end
  return (form .. " | %+.2f %%"):format(published / unit, off)
end

--- The table as Markdown.
function published_table.markdown(rows)
  local out = { "| model | weights | parameters (10^9) | off | checkpoint (GiB) | off | source, where another |",
                "|---|---|---:|---:|---:|---:|---|" }
  for _, r in ipairs(rows) do
    local e = r.entry
    out[#out + 1] = ("| %s | %s | %s | %s | %s |"):format(r.id, r.format,
      column(e.parameters, r.parameters_off, "%.4f", 1e9), column(e.bytes, r.bytes_off, "%.3f", 2 ^ 30), e.source or "")
  end
  return (table.concat(out, "\n"):gsub("%-0%.00 %%", "+0.00 %%"):gsub(" +|", " |")) .. "\n"
end

return published_table
