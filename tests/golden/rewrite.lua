--- Writes what every golden gives now: `make golden`.
local golden = require "golden"

golden.open()
local ok, why = pcall(golden.write)
golden.close()
if not ok then
  io.stderr:write(tostring(why), "\n")
  os.exit(1)
end
