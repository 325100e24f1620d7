--- A fixed number of clients; each sends its next request when the last one is answered.
return {
  engine = function(w, run)
    if not (w.count or w.duration or run.duration) then
      return nil, "count: missing; a closed loop needs an end: count or duration here, or the scenario's duration"
    end
    return { arrivals = "clients", concurrency = w.concurrency, count = w.count, duration = w.duration,
             think = w.think }
  end,
}
