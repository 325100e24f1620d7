std = "lua54"
max_line_length = 120
exclude_files = { "tests/fuzz/corpus" }
files["tests/**/*_spec.lua"] = { std = "lua54+busted" }
files["tests/spec/**"] = { std = "lua54+busted" }
