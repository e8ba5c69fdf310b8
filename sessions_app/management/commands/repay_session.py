"""`manage.py repay_session ID --reason WHY`: release what we owe for a session or a surplus."""

from typing import Any

from orchestrator.audit.acts import Act
from orchestrator.audit.command import ActCommand
from sessions_app.models import Session, Surplus
from sessions_app.staff import repay_session


class Command(ActCommand):
    help = "Releases the repayment of what reached us for a session or a surplus, and is owed."

    def act(self, **_options: Any) -> Act[Session | Surplus]:
        return repay_session()
