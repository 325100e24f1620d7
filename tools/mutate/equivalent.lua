--- Changes that make no difference which a test could see, each with its reason: { file, the line as changed, why }.
return {
  { "lua/oracle/scaling/target_load.lua",
    "if present >= 0 and math.abs(total / (present * p.target) - 1) <= p.tolerance then wanted = present end",
    "with none present the quotient is infinite or none, and not within any tolerance" },
}
