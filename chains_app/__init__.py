"""Chains: registry, adapters, signers, poller, outbox, finality."""
