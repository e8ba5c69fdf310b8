"""Quotes, price curves, the simulated resolver, limits, liquidity reservations."""
