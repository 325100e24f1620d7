--- Arrivals with independent gaps of any distribution, in seconds.
return {
  engine = function(w, run)
    if not (w.count or w.duration or run.duration) then
      return nil, "count: missing; arrivals need an end: count or duration here, or the scenario's duration"
    end
    return { arrivals = "drawn", inter_arrival = w.inter_arrival, count = w.count, duration = w.duration }
  end,
}
