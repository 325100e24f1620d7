--- What the outcome of a run makes worth a warning.
local lazy = require "oracle.lazy"
local systems = lazy "oracle.system"
local units = require "oracle.text.units"

local warnings = {}

-- Without a policy that admits, a replica turns away only what it can never hold; the most tokens it can.
local function most_tokens(r, d)
  local e = r.engine
  local room, name, most = (d.num_gpu_blocks - d.null_blocks) * e.block_size, "max_model_len", e.max_model_len
  if room < most then name, most = "the KV cache", room end
  if not e.enable_chunked_prefill and e.max_num_batched_tokens < most then
    name, most = "max_num_batched_tokens without chunked prefill", e.max_num_batched_tokens
  end
  return name, most
end

-- What became of requests none of which was answered: "200 of 200 requests rejected". own: the replicas turned those
-- away that they could not hold, which is said with its reason.
local function ended_as(requests, own)
  local list = {}
  for _, how in ipairs { "rejected", "failed", "timed_out", "cancelled", "pending" } do
    local n = requests[how] or 0
    if n > 0 and not (own and how == "rejected") then
      list[#list + 1] = ("%s of %s requests %s"):format(units.thousands(n), units.thousands(requests.total),
        how == "pending" and "still in flight" or how:gsub("_", " "))
    end
  end
  return #list > 0 and table.concat(list, ", ") or nil
end

--- The warnings, one line each.
-- @param plan of oracle.plan
-- @param raw the engine's result
-- @return a list
function warnings.of(plan, raw)
  local r, requests, list = plan.scenario, raw.requests, {}
  local e = r.engine
  local own = not (r.admission or r.pools or r.groups)
  local versions = systems.get(e.system).versions
  if versions and e.modelled_version and not versions.is(e.version, e.modelled_version) then
    list[#list + 1] = ("engine.version: %s is scheduled as %s is, the nearest older version that is modelled")
      :format(e.version, e.modelled_version)
  end
  if requests.total > 0 and requests.successful == 0 then
    list[#list + 1] = raw.window.successful > 0 and "no request that arrived after the warm-up was answered"
      or "no request was answered"
    local how = ended_as(requests, own)
    if how then list[#list + 1] = how end
  elseif requests.total == 0 and raw.complete then
    list[#list + 1] = r.warm_up > 0 and "no request arrived after the warm-up" or "no request arrived"
  end
  if requests.rejected > 0 and own then
    local name, most = most_tokens(r, plan.deployment)
    list[#list + 1] = ("%s of %s requests rejected: prompt and answer together are longer than the %s tokens of %s")
      :format(units.thousands(requests.rejected), units.thousands(requests.total), units.thousands(most), name)
  end
  return list
end

return warnings
