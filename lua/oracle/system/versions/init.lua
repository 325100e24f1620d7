--- The versions of a serving system that are modelled: which one stands for another, and what each does differently.
local versions = {}

local function numbers(text)
  local major, minor, patch = tostring(text):match "^[vV]?(%d+)%.(%d+)%.?(%d*)"
  return major and { tonumber(major), tonumber(minor), tonumber(patch) or 0 }
end

local function is_older(a, b)
  for i = 1, 3 do
    if a[i] ~= b[i] then return a[i] < b[i] end
  end
  return false
end

--- @param t { common = what all of them do, { name, what it does differently }, ... from the oldest on, the last of
--   which is the default; also = what else is modelled, for messages }
-- @return { DEFAULT, nearest, is, rules }
function versions.new(t)
  local of = { DEFAULT = t[#t][1] }

  --- The modelled version that stands for another: the same or the nearest older one. nil and a message: there is none,
  -- or it is newer than all of them.
  function of.nearest(text)
    local asked, best, why = numbers(text), nil, 'a version such as "' .. of.DEFAULT .. '" expected'
    for _, v in ipairs(t) do
      if asked and not is_older(asked, numbers(v[1])) then best = v[1] end
    end
    local too_new = best == of.DEFAULT and not of.is(text, best)
    if best and not too_new then return best end
    if asked then why = "no modelled version is that " .. (too_new and "new" or "old") end
    local names = {}
    for i, v in ipairs(t) do names[i] = v[1] end
    return nil, ("%s; %s are modelled%s"):format(why, table.concat(names, " and "), t.also or "")
  end

  --- Whether a version is the modelled one that stands for it, patches of it too.
  function of.is(text, modelled)
    local a, b = numbers(text), numbers(modelled)
    return a ~= nil and a[1] == b[1] and a[2] == b[2] and (b[3] == 0 or a[3] == b[3])
  end

  --- What a modelled version does, in a table of one's own.
  function of.rules(name)
    local rules = {}
    for k, is in pairs(t.common or {}) do rules[k] = is end
    for _, v in ipairs(t) do
      for k, is in pairs(v[1] == name and v[2] or {}) do rules[k] = is end
    end
    return rules
  end

  --- The modelled version of an engine into e.modelled_version; raises what is wrong with e.version.
  function of.choose(e)
    local version, why = of.nearest(e.version)
    if not version then error(("engine.version: %s: %s"):format(e.version, why), 0) end
    e.modelled_version = version
    return version
  end

  return of
end

return versions
