"""`manage.py refund_session ID --reason WHY`: give the source back, as rule 4 allows."""

from typing import Any

from orchestrator.audit.acts import Act
from orchestrator.audit.command import ActCommand
from sessions_app.models import Session
from sessions_app.staff import refund_session


class Command(ActCommand):
    help = "Records the wish that the source goes back; our lock is not made any more."

    def act(self, **_options: Any) -> Act[Session]:
        return refund_session()
