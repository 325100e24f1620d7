--- All requests at time 0, as an offline job sends them.
return {
  engine = function(w)
    return { arrivals = "at_once", count = w.count }
  end,
}
