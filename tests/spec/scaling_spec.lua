--- What autoscalers wish for, called as the engine calls them, with a fleet that is said.

-- A fleet of `loads` requests in flight on each ready replica, `held` waiting for one, `starting` on the way, at `now`.
local function fleet(now, loads, held, starting)
  return {
    size = function() return #loads end,
    held = function() return held or 0 end,
    starting = function() return starting or 0 end,
    in_flight = function(_, i) return loads[i] end,
    now = function() return now end,
  }
end

describe("target_load", function()
  local scale = require("oracle.scaling.target_load").scale
  local function fresh() return { params = { target = 10, tolerance = 0.1, stabilization = 30 } } end

  it("wishes for as many as keep the load of each at the target", function()
    assert.equal(5, scale(fleet(0, { 20, 21 }), fresh())) -- 41 / 10, up
    assert.equal(5, scale(fleet(0, { 20, 0 }, 21), fresh())) -- those that wait for a replica count
    assert.equal(1, scale(fleet(0, { 0, 0 }), fresh()))
    assert.equal(1, scale(fleet(0, {}, 0), fresh()))
    assert.equal(3, scale(fleet(0, {}, 25), fresh()))
  end)

  it("leaves the fleet as it is within the tolerance, replicas on the way included", function()
    assert.equal(2, scale(fleet(0, { 11, 10 }), fresh()))
    assert.equal(3, scale(fleet(0, { 12, 11 }), fresh()))
    assert.equal(2, scale(fleet(0, { 10, 9 }), fresh()))
    assert.equal(3, scale(fleet(0, { 16, 16 }, 0, 1), fresh())) -- 32 on three is 7 % above
    assert.equal(4, scale(fleet(0, { 17, 17 }, 0, 1), fresh())) -- 34 is 13 %
    assert.equal(1, scale(fleet(0, {}, 10, 1), fresh()))
    local wide = { target = 8, tolerance = 0.25, stabilization = 30 }
    assert.equal(1, scale(fleet(0, { 10 }), { params = wide })) -- its end belongs to it
    assert.equal(2, scale(fleet(0, { 11 }), { params = wide }))
  end)

  it("goes down only when the highest wish of the last 30 s is lower", function()
    local s = fresh()
    assert.equal(5, scale(fleet(0, { 25, 24 }), s))
    assert.equal(5, scale(fleet(10, { 5, 5 }), s))
    assert.equal(5, scale(fleet(20, { 15, 14 }), s))
    assert.equal(5, scale(fleet(30, { 5, 5 }), s))
    assert.equal(3, scale(fleet(31, { 5, 5 }), s)) -- the wish of 20 s
    assert.equal(7, scale(fleet(40, { 35, 34 }), s)) -- up at once
    assert.equal(7, scale(fleet(70, { 5, 5 }), s))
    assert.equal(1, scale(fleet(71, { 5, 5 }), s))
  end)

  it("has the values of the page of its source", function()
    local p = require("oracle.scaling.target_load").params
    assert.same({ target = 32, tolerance = 0.1, stabilization = 300.0 }, p)
  end)
end)
