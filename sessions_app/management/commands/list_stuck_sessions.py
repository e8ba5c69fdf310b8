"""`manage.py list_stuck_sessions`: what calls for a person, and what nobody drives."""

from typing import Any, Final

from django.core.management.base import BaseCommand

from orchestrator.kernel.clock import iso
from sessions_app.domain.attention import advice_for
from sessions_app.models import Session
from sessions_app.staff import owed_surplus, stuck_sessions

_TO_REPAY: Final = "release it by `repay_session` with this id (docs/runbook/repayment_owed.md)"


class Command(BaseCommand):
    help = "Lists sessions that need a person, and due ones that no worker drives."

    def handle(self, *_: Any, **__: Any) -> None:
        """One line for each on standard output, their number on standard error."""
        found = stuck_sessions()
        for session in found:
            self.stdout.write(f"{session.pk} {session.status} {_why(session)}")
        owed = owed_surplus()
        for surplus in owed:
            self.stdout.write(f"{surplus.pk} surplus owed: {_TO_REPAY}")
        self.stderr.write(f"{len(found)} stuck, {len(owed)} surplus owed")


def _why(session: Session) -> str:
    if session.attention_since is not None:
        advice = advice_for(session.attention)
        to_do = "" if advice is None else f": {advice.to_do} ({advice.page})"
        return f"{session.attention} since {iso(session.attention_since)}{to_do}"
    due_at = "" if session.wake_at is None else f" since {iso(session.wake_at)}"
    return f"due{due_at}, and no worker takes it: are they running?"
