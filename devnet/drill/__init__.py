"""`make drill`: many swaps of many makers while chains, nodes and machines fail, by a schedule."""
