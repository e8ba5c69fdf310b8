"""`manage.py repay_session ID --reason WHY`: release what we owe the maker (rule 4)."""

from typing import Any

from orchestrator.audit.acts import Act
from orchestrator.audit.command import ActCommand
from sessions_app.models import Session
from sessions_app.staff import repay_session


class Command(ActCommand):
    help = "Releases the repayment of what reached us while the maker was not paid."

    def act(self, **_options: Any) -> Act[Session]:
        return repay_session()
