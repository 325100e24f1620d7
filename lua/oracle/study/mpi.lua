--- A sweep on many machines: `mpirun -n N oracle sweep ...`. Rank 0 reads the command line, hands points out one by
-- one, keeps the results and computes too; the others only compute. Who asks first is served first, so a slow machine
-- does less. A rank that is lost ends the job, as MPI does; --resume completes what rank 0 had kept.
local lazy = require "oracle.lazy"
local core = require "oracle.core"
local paths = lazy "oracle.text.paths"
local sweep = lazy "oracle.study.sweep"

local mpi = {}

local MOMENT = 0.001                                      -- s between looks at messages and threads
local PATIENCE = 5                                        -- s an interrupted rank waits to be told to stop

-- How many processes the launcher made: Open MPI, then MPICH and Slurm.
local function job_size()
  for _, name in ipairs { "OMPI_COMM_WORLD_SIZE", "PMI_SIZE" } do
    local n = tonumber(os.getenv(name) or "")
    if n then return n end
  end
  return 1
end

-- In a checkout it is in build/, installed in PREFIX/lib.
local function library()
  for _, place in ipairs { "build/oracle/mpi.so", "../../lib/oracle/mpi.so" } do
    local path = paths.path(place)
    if paths.exists(path) then return path end
  end
  return nil
end

local function load_mpi()
  local path = library()
  if not path then error("this oracle was built without MPI (mpicc was not there); run it without mpirun", 0) end
  package.loadlib(path, "*")                              -- what MPI loads later wants to see its symbols
  local open, why = package.loadlib(path, "luaopen_oracle_mpi")
  if not open then error("MPI: " .. why, 0) end
  return open()
end

--- Take part in an MPI job.
-- @return nil outside one; else { rank =, ranks =, ... } with the methods below. Ends in leave().
function mpi.join()
  if job_size() < 2 then return nil end
  local messages = load_mpi()
  local rank, n = messages.init()
  return setmetatable({ messages = messages, rank = rank, ranks = n, said = {} }, { __index = mpi })
end

--- Wait for the others, then leave the job. Rank 0 tells them first.
function mpi:leave()
  self:stop()
  self.messages.finalize()
end

--- Rank 0: the others are not needed any more.
function mpi:stop()
  if self.rank > 0 or self.stopped then return end
  for r = 1, self.ranks - 1 do self.messages.send(r, "stop") end
  self.stopped = true
end

-- ---- ranks 1 and on ----

local function answer(self, i, text, steps, events, now)
  self.messages.send(0, ("done %d %.17g %.17g %.17g %s"):format(i, steps, events, now, text or ""))
end

-- Points come in and results go out until rank 0 says stop.
local function serve(self, host, threads, job)
  local pool = sweep.threads(host, job, threads)
  local out, since = 0, nil
  self.messages.send(0, ("ready %d"):format(pool.depth))
  while true do
    local _, message = self.messages.poll(out == 0 and MOMENT or 0)
    if message == "stop" then break end
    if message then
      pool:submit(math.tointeger(message:match("^run (%d+)$")))
      out = out + 1
    elseif out > 0 then
      local i, text, steps, events, now = pool:take(MOMENT)
      if i then
        out = out - 1
        if text then answer(self, i, text, steps, events, now) end
      end
    end
    if host.interrupted() then
      since = since or host.clock()
      if host.clock() - since > PATIENCE then break end
    end
  end
  if out > 0 then pool:abandon() else pool:close() end
end

--- Compute for rank 0 until it needs no more. A failure ends the whole job.
-- @param host the program's host
-- @param threads of this rank
function mpi:serve(host, threads)
  host.guard(false)
  local _, message
  repeat
    _, message = self.messages.poll(1)
  until message or host.interrupted()
  if message and message ~= "stop" then
    local ok, why = pcall(serve, self, host, threads, core.json.decode(message))
    if not ok then
      io.stderr:write(("oracle: rank %d: %s\n"):format(self.rank, tostring(why)))
      self.messages.abort(1)
    end
  end
  self.messages.finalize()
end

-- ---- rank 0 ----

-- The rank with the most room takes the next point; the lower of equals.
local function roomiest(self)
  local best, most = nil, 0
  for r = 0, self.ranks - 1 do
    local room = (self.depths[r] or 0) - self.out[r]
    if room > most then best, most = r, room end
  end
  return best
end

local function take_message(self, ex)
  local from, message = self.messages.poll(0)
  if not from then return nil end
  local depth = message:match("^ready (%d+)$")
  if depth then
    self.depths[from] = math.tointeger(depth)
    ex.depth = ex.depth + self.depths[from]
    return false
  end
  self.out[from] = self.out[from] - 1
  local i, steps, events, now, text = message:match("^done (%d+) (%S+) (%S+) (%S+) (.*)$")
  return math.tointeger(i), text, tonumber(steps), tonumber(events), tonumber(now)
end

--- What hands points out to all ranks: an executor (see oracle.study.sweep).
-- @param job of oracle.study.sweep
-- @param threads of rank 0
function mpi:executor(host, job, threads)
  local own = sweep.threads(host, job, threads)
  local text = core.json.encode(job)
  for r = 1, self.ranks - 1 do self.messages.send(r, text) end
  self.depths, self.out = { [0] = own.depth }, {}
  for r = 0, self.ranks - 1 do self.out[r] = 0 end
  local ex = { depth = own.depth }
  function ex.submit(_, i)
    local r = roomiest(self)
    self.out[r] = self.out[r] + 1
    if r == 0 then own:submit(i) else self.messages.send(r, ("run %d"):format(i)) end
  end
  function ex.take(_, seconds)
    local stop = host.clock() + seconds
    repeat
      local i, line, steps, events, now = take_message(self, ex)
      if i == false then return nil end                   -- a rank more: there is something to hand out
      if i then return i, line, steps, events, now end
      i, line, steps, events, now = own:take(MOMENT)
      if i then
        self.out[0] = self.out[0] - 1
        return i, line, steps, events, now
      end
    until host.clock() >= stop or host.interrupted()
  end
  function ex.close()
    own:close()
    self:stop()
  end
  function ex.abandon()
    self:stop()
    own:abandon()
  end
  return ex
end

return mpi
