return { next = function(g) return { arrival = 0.1, prompt = 10, output = 5 } end }
