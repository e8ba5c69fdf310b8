"""Swap sessions: their states, the only writer of them, and the doors to them."""
