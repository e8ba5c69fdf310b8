"""Celery's doors to the outbox and the poller; what they carry is a hint and no more (rule 8)."""

from celery import shared_task

from chains_app.outbox import worker
from chains_app.poller import poll_all


@shared_task
def run_outbox() -> int:
    """Work on whatever is due; returns how many intents were looked at."""
    return worker.drain()


@shared_task
def poll_chains(*only: str) -> int:
    """Read chains to their heads, every one or those that a hint names; returns how many blocks
    were read.
    """
    return poll_all(only)
