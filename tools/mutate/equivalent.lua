--- Changes that make no difference which a test could see, each with its reason: { file, the line as changed, why }.
return {
  { "src/base/ladder.c", "const uint32_t room = q->chunk_room == 0 ? 33 : 2 * q->chunk_room;",
    "how much room there is at first shows nowhere: more is made when it is used up" },
  { "lua/oracle/scaling/target_load.lua",
    "if present >= 0 and math.abs(total / (present * p.target) - 1) <= p.tolerance then wanted = present end",
    "with none present the quotient is infinite or none, and not within any tolerance" },
}
