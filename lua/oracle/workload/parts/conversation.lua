--- Sessions as the engine takes them, from the checked keys of a workload.
local conversation = {}

--- Turns of a session that says nothing else: another follows with this probability ...
conversation.CONTINUE = 0.7
--- ... so many seconds after the answer.
conversation.THINK = { kind = "constant", a = 5 }

--- The engine's form: { probability =, turns = or continue_probability =, first_follow_up =, max_turns =, think =,
-- input =, accumulate = }.
-- @param c the checked keys
-- @param path "conversation." or "" where the keys stand in the workload itself
-- @return it; or nil and a message "key: what"
function conversation.engine(c, path)
  if c.turns and c.continue_probability then
    return nil, path .. "turns: continue_probability is given too; leave one out"
  end
  return {
    probability = c.probability or 1, turns = c.turns,
    continue_probability = c.continue_probability or conversation.CONTINUE, first_follow_up = c.first_follow_up,
    max_turns = c.max_turns, think = c.think or conversation.THINK, input = c.input, accumulate = c.accumulate,
  }
end

return conversation
