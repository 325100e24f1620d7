--- The version of oracle, as in CHANGELOG.md.
return "0.1.0"
