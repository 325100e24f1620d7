--- What measured kernels reach of the data sheet, and what engines take beside it: a fit of models/fits.
local lazy = require "oracle.lazy"
local cost_model = require "oracle.cost_model"
local fits = lazy "oracle.models.fits"
local roofline = require "oracle.cost_model.roofline"

-- The fit of a deployment: the one that is named, else the shipped one of its engine.
local function choose(c, context)
  local engine = context.engine or {}
  if c.fit == nil then
    local fit = fits.of_engine(engine.system)
    if not fit then
      error(('cost.fit: none is of engine.system "%s"; name one, or take kind roofline'):format(
        tostring(engine.system)), 0)
    end
    return fit
  end
  local ok, fit = pcall(fits.open, c.fit, context.find)
  if not ok then error("cost.fit: " .. tostring(fit):match "^[^\n]*", 0) end
  return fit
end

local function parameters(c, context)
  if c.fit == "none" then
    local out, about = roofline.parameters(c, context)
    out.fit = nil
    return out, about
  end
  local fit = choose(c, context)
  local generation = context.hardware.generation
  if not fits.covers(fit, generation) then
    error(("cost.fit: %s has nothing of %s"):format(fit.id, generation or "this chip, whose generation is not said"), 0)
  end
  local calibration, client = fits.parameters(fit, generation, c.engine_version or (context.engine or {}).version)
  local out = { kind = "calibrated", calibration = calibration,
                request_overhead = (c.request_overhead or 0) + client.api_time }
  return out, { fit = fit.id, warnings = {} }
end

return {
  keys = { { "fit", "string", doc = "kind calibrated: the name or path of a fit; none: the roofline" },
           { "engine_version", "string", doc = "kind calibrated: of the engine, where engine.version says none" } },
  without = { { cost_model.SHARES, "kind calibrated has its rates from the fit; leave it out" },
              { cost_model.OVERHEADS, "kind calibrated has it in the fit; leave it out" } },
  parameters = parameters,
}
