--- What measured kernels reach of the data sheet, and what engines take beside it: a fit of models/fits.
local lazy = require "oracle.lazy"
local cost_model = require "oracle.cost_model"
local fits = lazy "oracle.models.fits"

local calibrated = {}

-- Chips whose kernels are most alike, for a fit that is forced on another generation.
local LIKE = { pascal = "volta", volta = "turing", turing = "ampere", ampere = "ada", ada = "hopper",
               ["blackwell-rtx"] = "ada", cdna2 = "cdna3", cdna4 = "cdna3" }

local function known_as(fit, generation)
  local seen = {}
  while generation and not seen[generation] do
    if fits.covers(fit, generation) then return generation end
    seen[generation] = true
    generation = LIKE[generation] or "hopper"
  end
  return fits.covers(fit, "hopper") and "hopper" or fits.generations(fit)[1]
end

local function chip(context)
  local h = context.hardware
  return context.names and context.names.hardware or h.id or h.name or "this chip"
end

-- Why a fit is another's: nil where it is of this engine and this generation.
local function mismatch(fit, context)
  local engine, generation = context.fitted_as, context.hardware.generation
  if fit.engine ~= engine then
    return ("%s was fitted to %s, and engine.system is %s"):format(fit.id, fit.engine,
      tostring(context.engine and context.engine.system))
  end
  if not fits.covers(fit, generation) then
    return ("%s has nothing of %s (%s)"):format(fit.id, chip(context),
      generation and "generation " .. generation or "its file says no generation")
  end
end

-- The fit that the scenario names, else the shipped one of the engine; nil and why there is none.
local function choose(c, context)
  if c.fit then
    local ok, fit = pcall(fits.open, c.fit, context.find)
    if not ok then error("cost.fit: " .. tostring(fit):match "^[^\n]*", 0) end
    return fit
  end
  local fit = context.fitted_as and fits.of_engine(context.fitted_as)
  if fit then return fit end
  return nil, ("no fit is of engine.system %s"):format(tostring(context.engine and context.engine.system))
end

--- Whether the shipped fits know an engine and a chip.
-- @return true; nil and why not
function calibrated.covers(context)
  local fit, why = choose({}, context)
  why = why or mismatch(fit, context)
  if why then return nil, why end
  return true
end

function calibrated.parameters(c, context)
  local fit, why = choose(c, context)
  if not fit then error(("cost.fit: %s; name one, or take kind roofline"):format(why), 0) end
  local generation, warnings = context.hardware.generation, {}
  why = mismatch(fit, context)
  if why and not c.force_fit then
    error(("cost.fit: %s; force_fit = true (--force) takes it all the same"):format(why), 0)
  elseif why then
    warnings[1] = ("cost.fit: forced: %s"):format(why)
    generation = known_as(fit, generation)
  end
  local version = c.engine_version or context.engine and context.engine.version
  local ok, parameters, client, filled = pcall(fits.parameters, fit, generation, version)
  if not ok then error("cost.fit: " .. tostring(parameters):match "^[^\n]*", 0) end
  local out = { kind = "calibrated", calibration = parameters,
                request_overhead = (c.request_overhead or 0) + client.api_time,
                stream_interval = c.stream_interval or client.stream_interval }
  return out, { fit = fit.id, warnings = warnings,
                accuracy = fits.accuracy(fit, generation, filled, context, why ~= nil) }
end

calibrated.keys = {
  { "fit", "string", doc = "kind calibrated: the name or path of a fit; none: the roofline" },
  { "engine_version", "string",
    doc = "kind calibrated: of the engine, where steps go by another one than engine.version or it has none" },
  { "force_fit", "boolean", default = false, doc = "kind calibrated: a fit of another engine or chip all the same" },
}

calibrated.without = {
  { cost_model.SHARES, "kind calibrated has its rates from the fit; leave it out, or take kind roofline" },
  { cost_model.OVERHEADS, "kind calibrated has it in the fit; leave it out, or take kind roofline" },
}

calibrated.all_reduce = "auto"

return calibrated
