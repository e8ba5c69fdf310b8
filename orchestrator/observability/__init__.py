"""Logs with redaction, and counters."""
