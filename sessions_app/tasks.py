"""Doors for Celery: each calls one service and returns a count."""

from celery import shared_task

from sessions_app import sweeps


@shared_task(name=sweeps.ADVANCE_TASK)
def advance_sessions() -> int:
    """Drive the sessions whose time has come; sent as a hint and by beat."""
    return sweeps.advance_all_due()


@shared_task(name="sessions_app.tasks.wake_overdue")
def wake_overdue() -> int:
    """Have sessions with overdue duties looked at; sent by beat."""
    return sweeps.wake_overdue()


@shared_task(name="sessions_app.tasks.send_vanished_again")
def send_vanished_again() -> int:
    """Have source locks made again that a chain took back behind ours; sent by beat."""
    return sweeps.send_vanished_again()


@shared_task(name="sessions_app.tasks.forget_secrets")
def forget_secrets() -> int:
    """Destroy the secrets of ended sessions; sent by beat."""
    return sweeps.forget_secrets()


@shared_task(name="sessions_app.tasks.handle_surplus")
def handle_surplus() -> int:
    """Give back locks for us that no session agreed on; sent by beat."""
    return sweeps.handle_surplus()
