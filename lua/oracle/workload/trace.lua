--- Recorded arrivals from a file; the engine tells the format from the header and reads it as a stream.
return {
  engine = function(w, run)
    local path, why = run.find(w.path)
    if not path then return nil, ("path: %s: %s"):format(w.path, why) end
    return { path = path }
  end,
}
