--- Versions: of oracle, as in CHANGELOG.md, and of the vLLM whose defaults it follows.
return { oracle = "0.1.0", vllm = "v0.33" }
