--- Methods of resources beside those in C (bind/des/resource.c): a number of equal servers that processes hold for a
-- while and otherwise queue for.
local resource = {}

--- Hold a server while f(request) runs: request, wait, call, and release, also when it fails or is interrupted.
-- @param options see resource:request
-- @return what f returns
function resource:use(f, options)
  local request <close> = self:request(options)
  request:wait()
  return f(request)
end

--- The share of the servers that was held, over time.
function resource:utilisation()
  return self.in_use.mean / self.capacity
end

return resource
