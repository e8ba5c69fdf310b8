"""API clients: keys, tokens, scopes."""
