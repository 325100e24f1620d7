--- The shipped files as a whole: their form, their names, and every model's parameters against the published count.
local catalog = require "oracle.models.catalog"
local checkpoint = require "oracle.models.checkpoint"
local core = require "oracle.core"
local paths = require "oracle.text.paths"
local rows = require "rows"
local schemes = require "oracle.models.schemes"
local shelf = require "oracle.models.shelf"
local spelling = require "oracle.text.spelling"

local json = core.json

-- The shipped files of a kind: { { stem =, text =, raw = }, ... } by stem.
local function files(kind)
  local list = {}
  for _, name in ipairs(core.list(paths.path("models/" .. kind))) do
    local stem = name:match "^(.*)%.json$"
    if stem then
      local f = assert(io.open(paths.path(("models/%s/%s"):format(kind, name))))
      local text = f:read "a"
      f:close()
      list[#list + 1] = { stem = stem, text = text, raw = json.decode(text, name) }
    end
  end
  return list
end

local function count(m) return core.cost.parameters(m).total end

-- "32.8B", "358B with MTP" -> the count and half a unit of its last digit; whole numbers are exact.
local function published(said)
  if math.type(said) == "integer" then return said, 0 end
  local digits, unit = said:match "^([%d.]+)([MBT])"
  local one = ({ M = 1e6, B = 1e9, T = 1e12 })[unit]
  return digits * one, 0.5 * one * 10.0 ^ -#(digits:match "%.(%d+)" or "")
end

describe("a shipped model", function()
  it("has the published number of parameters, to half a percent", function()
    local exact, all = 0, 0
    for _, file in ipairs(files "llm") do
      local said = file.raw._parameters
      if not said then                                    -- two toys of a simulator have no checkpoint
        assert.matches("^llm_inference_simulator/", file.raw._id, file.stem)
      else
        local m = catalog.model(file.stem)
        local derived, wanted, slack = count(m), published(said)
        if tostring(said):find "with MTP" then derived = derived + checkpoint.mtp_parameters(m) end
        if tostring(said):find "without vision" then derived = derived - m.tower_parameters end
        assert.is_true(math.abs(derived - wanted) <= math.max(slack, 0.005 * wanted),
          ("%s: %d derived, %s published"):format(file.stem, derived, said))
        all, exact = all + 1, exact + (derived == wanted and 1 or 0)
      end
    end
    assert.is_true(all >= 180 and exact >= 100, ("%d models, %d exact"):format(all, exact))
  end)

  it("stands in the one form, with a source and its date", function()
    for _, file in ipairs(files "llm") do
      assert.equal(shelf.form(file.raw), file.text, file.stem)
      assert.matches("%d%d%d%d", file.raw._source, file.stem)
      assert.matches("^[%w._-]+/[%w._-]+$", file.raw._id, file.stem)
    end
  end)

  it("has variants that are read as what they say", function()
    local formats, n = {}, 0
    for _, file in ipairs(files "llm") do
      for id, changes in pairs(file.raw._variants or {}) do
        local m = catalog.model(id)
        assert.equal(id, m.name)
        assert.equal(file.stem, m.id)
        if changes.quantization_config == json.null then
          assert.is_nil(m.quantization, id)
        elseif changes.quantization_config then
          assert.is_string(m.quantization, id)
          formats[m.quantization], n = true, n + 1
        end
        local context = changes.max_position_embeddings
        if context then assert.equal(context, m.max_position_embeddings, id) end
        for key in pairs(changes) do
          local own = file.raw[key] ~= nil or file.raw.text_config ~= nil  -- a family's default, where it is nested
          assert.is_true(own or key == "quantization_config", id .. ": " .. key)
        end
      end
    end
    assert.is_true(n > 100)
    for _, name in ipairs { "fp8", "fp4", "int4", "int8" } do assert.is_true(formats[name], name) end
  end)

  it("takes of a scheme the bytes that its checkpoint has", function()
    local function gib(name)
      local m = catalog.model(name)
      local layout = require("oracle.models.quantization").layout(m)
      local memory = core.cost.memory { model = m, layout = layout, max_num_batched_tokens = 1, max_num_seqs = 1 }
      return memory.weight_bytes / 2 ^ 30
    end
    -- Qwen3-32B: 31,206,211,584 in linear layers, 2 x 777,912,320 in the embeddings and the head
    local rest = 2 * 777912320 * 2 / 2 ^ 30
    assert.near(31206211584 / 2 ^ 30 + rest, gib "Qwen/Qwen3-32B-FP8", 0.1)
    assert.near(31206211584 * 4.5 / 8 / 2 ^ 30 + rest, gib "nvidia/Qwen3-32B-NVFP4", 0.1)
    assert.near(31206211584 * (4 + 20 / 128) / 8 / 2 ^ 30 + rest, gib "Qwen/Qwen3-32B-AWQ", 0.1)
    -- Meta's FP8 405B keeps attention in 16 bits: 126 x 570,425,344
    assert.near((405853388800 + 126 * 570425344 + 2 * 128256 * 16384 + 2 * 3 * 16384 * 53248) / 2 ^ 30,
      gib "meta-llama/Llama-3.1-405B-Instruct-FP8", 1)
    assert.is_true(gib "nvidia/DeepSeek-R1-NVFP4" > gib "nvidia/DeepSeek-V3.1-NVFP4")
    assert.equal("fp8", catalog.model("nvidia/Qwen3-32B-NVFP4").kv_cache_dtype)
    assert.is_nil(catalog.model("RedHatAI/Qwen3-32B-NVFP4").kv_cache_dtype)
  end)

  it("uses every scheme there is", function()
    local used = {}
    for _, file in ipairs(files "llm") do
      for _, changes in pairs(file.raw._variants or {}) do
        if type(changes.quantization_config) == "string" then used[changes.quantization_config] = true end
      end
    end
    for name in pairs(schemes) do assert.is_true(used[name], name) end
    for name in pairs(used) do assert.is_table(schemes[name], name) end
  end)
end)

describe("the names of measured data", function()
  -- Models whose config.json is not public in a form that could be checked, or whose layers are not described.
  local WITHOUT = {}
  for _, name in ipairs { "deepseek-ai/DeepSeek-OCR", "deepseek-ai/DeepSeek-OCR-2", "Deci/DeciLM-7B" } do
    WITHOUT[name] = true
  end

  local function names(file, column)
    local path = os.getenv "ORACLE_DATA" and os.getenv "ORACLE_DATA" .. "/" .. file
    if not path or not paths.exists(path) then return nil end
    local found = {}
    for _, row in ipairs(rows.read(path)) do
      if row[column] then found[row[column]] = true end
    end
    return found
  end

  for _, data in ipairs { { "silicon/train.csv", "model_path", "system" },
                          { "serving/measured.csv", "model", "gpu" },
                          { "online/h100-vllm.csv", "model", "gpu" },
                          { "phase/a100-80gb.csv", "model", "hardware" } } do
    it("are known: " .. data[1], function()
      local models = names(data[1], data[2])
      if not models then return pending("no " .. data[1] .. " under ORACLE_DATA") end
      for name in pairs(models) do
        if not WITHOUT[name] then assert.is_true(pcall(catalog.model, name), name) end
      end
      for name in pairs(names(data[1], data[3])) do assert.is_true(pcall(catalog.hardware, name), name) end
    end)
  end
end)

describe("models/index.txt", function()
  it("is what tools/index.lua would write, so complete and without two meanings of a name", function()
    local f = assert(io.open(paths.path "models/index.txt"))
    local text = f:read "a"
    f:close()
    assert.equal(shelf.index { llm = files "llm", hardware = files "hardware" }, text)
  end)

  it("refuses a name of two files", function()
    local raw = { _id = "a/b", _aliases = {} }
    local twice = { { stem = "x", raw = raw }, { stem = "y", raw = raw } }
    assert.has_error(function() shelf.index { llm = twice, hardware = {} } end, "the name a/b means both x and y")
  end)

  it("costs a run two files, however many there are", function()
    package.loaded["oracle.models.catalog"] = nil
    local fresh = require "oracle.models.catalog"
    package.loaded["oracle.models.catalog"] = catalog
    catalog.hardware "h100-sxm"                           -- shares of power are no file of the catalogue, and read once
    local opened, open, read = {}, io.open, core.read_file
    local function noting(f)
      return function(path, ...)
        opened[#opened + 1] = path:match "[^/]+$"
        return f(path, ...)
      end
    end
    io.open, core.read_file = noting(open), noting(read)  -- luacheck: ignore
    local ok = pcall(fresh.model, "nvidia/Qwen3-32B-NVFP4") and pcall(fresh.hardware, "h200")
    io.open, core.read_file = open, read                  -- luacheck: ignore
    assert.is_true(ok)
    assert.same({ "index.txt", "qwen3-32b.json", "h200.json" }, opened)
  end)

  it("is searched as it is: a folded name finds its line, and no part of one does", function()
    assert.equal("llama-3-8b", catalog.model("LLAMA_3-8b").id)
    assert.is_false(pcall(catalog.model, "llama38"))
    assert.is_false(pcall(catalog.hardware, "h100sx"))
    assert.is_false(pcall(catalog.model, "h100-sxm"))
    assert.equal("qwen332b", spelling.fold "Qwen3-32B")
  end)
end)

describe("a list of the catalogue", function()
  local function ids(list)
    local out = {}
    for i, e in ipairs(list) do out[i] = e.id end
    return out
  end

  it("holds what has all words in a name", function()
    assert.same({ "qwen3-32b" }, ids(catalog.models { "qwen3-32b", "NVFP4" }))
    assert.same({ "rtx-pro-6000" }, ids(catalog.hardwares { "rtx_pro" }))
    local found = catalog.models { "qwen3-32b", "nvidia" }[1]
    assert.same({ "nvidia/Qwen3-32B-FP4", "nvidia/Qwen3-32B-NVFP4" }, found.names)
    for _, e in ipairs(catalog.models { "qwen3-" }) do assert.is_nil(e.id:find "qwen2", e.id) end
  end)

  it("is refused where nothing has them", function()
    assert.has_error(function() catalog.models { "nosuch", "8b" } end,
      "no model has nosuch and 8b in its name; `oracle models` lists all")
    assert.has_error(function() catalog.hardwares { "nosuch" } end,
      "no hardware has nosuch in its name; `oracle hardware` lists all")
  end)

  it("and each of its entries can be read in 80 columns", function()
    local show = require "oracle.models.show"
    local texts = { show.list("models", catalog.models()), show.list("hardware", catalog.hardwares()),
                    show.list("models", catalog.models { "qwen" }, true) }
    for _, e in ipairs(catalog.hardwares()) do texts[#texts + 1] = show.hardware(e.id):gsub("file: [^\n]*", "") end
    for _, file in ipairs(files "llm") do texts[#texts + 1] = show.model(file.stem):gsub("file: [^\n]*", "") end
    for _, text in ipairs(texts) do
      for line in text:gmatch "[^\n]+" do assert.is_true(utf8.len(line) <= 80, line) end
    end
  end)
end)

describe("the page about hardware", function()
  local bin = os.getenv "ORACLE_BIN" or "./oracle"

  local function page()
    local f = assert(io.open "docs/hardware.md")
    local text = f:read "a"
    f:close()
    return text
  end

  local function write(path, text)
    local f = assert(io.open(path, "w"))
    f:write(text)
    f:close()
  end

  it("shows the list as it is", function()
    local list = require("oracle.models.show").list("hardware", catalog.hardwares())
    assert.equal(list, page():match "```text\n(.-)```")
  end)

  it("names every field and every generation", function()
    local text = page()
    for _, name in ipairs(require("oracle.models.hardware").GENERATIONS) do
      assert.is_truthy(text:find("`" .. name .. "`", 1, true), name)
    end
    for _, name in ipairs { "flops", "memory", "bandwidth", "nvlink", "c2c", "pcie", "idle_watts", "tdp_watts",
                            "usd_per_hour", "like" } do
      assert.is_truthy(text:find("| `" .. name) or text:find(", `" .. name, 1, true), name)
    end
  end)

  it("shows a GPU and a price of one's own that work", function()
    local dir = os.tmpname()
    os.remove(dir)
    assert(os.execute("mkdir " .. dir))
    write(dir .. "/my-gpu.json", page():match "```json\n(.-)```")
    local dollars, n = { "0.0", "0.0" }, 0
    for scenario in page():gmatch "```lua\n(.-)```" do
      n = n + 1
      write(dir .. "/s.lua", scenario)
      local p = assert(io.popen(("%s %s/s.lua -q --json -"):format(bin, dir)))
      local result = json.decode(p:read "a", "s")
      assert.is_true(p:close())
      assert.equal(20, result.requests.successful)
      dollars[n] = result.cost.usd / result.simulation.total_duration_s * 3600
    end
    os.execute("rm -r " .. dir)
    assert.equal(2, n)
    assert.near(2.49, dollars[1], 1e-9)
    assert.near(2.10, dollars[2], 1e-9)
  end)
end)
