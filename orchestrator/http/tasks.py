from celery import shared_task

from orchestrator.http import idempotency


@shared_task
def forget_old_answers() -> int:
    """Delete answers under an Idempotency-Key that nobody will ask for again."""
    return idempotency.forget_old_answers()
