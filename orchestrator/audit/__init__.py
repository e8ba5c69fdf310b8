"""Who did what, to what and why: what people do to swaps, signers, routes and chains."""
