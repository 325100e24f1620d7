--- Recorded arrivals from a file; the engine tells the format from the header and reads it as a stream.
return {
  engine = function(w, run)
    local path, why = run.find(w.path)
    if not path then return nil, ("path: %s: %s"):format(w.path, why) end
    if w.to and w.to <= w.from then return nil, ("to: %g s: later than from (%g s) expected"):format(w.to, w.from) end
    return { arrivals = "recorded", path = path, rate_scale = w.rate_scale, from = w.from, to = w.to, count = w.count,
             rate = w.rate, characters_per_token = w.characters_per_token }
  end,
}
