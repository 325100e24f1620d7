--- Attention replicas that share the experts of a mixture and step together.
local oracle = require "oracle"
local policy = require "oracle.policy"

local function group(batching)
  return oracle.scenario {
    model = "mixtral-8x7b", hardware = "h100-sxm", batching = batching,
    engine = { data_parallel_size = 4, enable_expert_parallel = true, max_model_len = 4096 },
    workload = oracle.workload.constant { rate = 20, count = 40, prompt = 300, output = 20 },
  }
end

describe("replicas that step together", function()
  it("end the run where the policy of one of them fails", function()
    local steps = 0
    local ok, why = pcall(oracle.run, group(policy.batching { name = "tired", step = function(b, e, s)
      s.steps = (s.steps or 0) + 1
      if s.steps > 5 then error "no more" end
      local left = e.max_num_batched_tokens - b:decode()
      if left > 0 then left = left - b:resume(left) end
      if left > 0 then b:admit(left) end
      steps = steps + 1
    end }))
    assert.is_false(ok)
    assert.matches("no more", tostring(why))
    assert.is_true(steps >= 5)
  end)
end)
