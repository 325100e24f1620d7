--- What a scenario asks of the layers above it. They see scenarios, so scenarios cannot see them: oracle (init.lua),
-- which sees all, fills this in.
--   run(s, options)     what s:run(options) does
--   globals(sim)        the globals of a scenario's file and of the prompt; sim: the simulation that is there as s
--   configuration(path, text)   the scenario of a file that is no Lua; nil and one line where it is wrong; nil and nil
--                       where the file is no configuration
local world = {}

--- True once a scenario has been planned, or an environment of oracle.des made: a file that did so and returns no
-- scenario has done its work.
world.planned = false

--- True at a prompt on a terminal.
world.at_prompt = false

return world
