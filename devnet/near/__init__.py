"""A NEAR development node: nearcore's JSON-RPC over a chain that runs real contract wasm."""
