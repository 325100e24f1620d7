return { next = function() return { arrival = 0 / 0, prompt = 1e308, output = -1 } end }
