"""The vault of secrets: generate, seal, reveal once, forget."""
