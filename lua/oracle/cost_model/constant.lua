--- A fixed time per step: queueing theory's server.
local cost_model = require "oracle.cost_model"
local fields = require "oracle.scenario.fields"
local roofline = require "oracle.cost_model.roofline"

return {
  keys = {
    fields.seconds("constant_step", "kind constant: time of a step", { open = true }),
    fields.seconds("constant_prefill_token", "kind constant: added per prompt token", { default = 0 }),
  },
  without = {
    { cost_model.SHARES, "kind constant has no roofs; leave it out" },
    { cost_model.OVERHEADS, "a step of kind constant takes constant_step and nothing else; leave it out" },
  },
  parameters = function(c, context)
    if not c.constant_step then error("cost.constant_step: missing; the time of a step, such as \"10 ms\"", 0) end
    local out, about = roofline.parameters(c, context)
    out.kind = "constant"
    return out, about
  end,
}
