"""`manage.py cancel_session ID --reason WHY`: cancel it as its client could."""

from typing import Any

from orchestrator.audit.acts import Act
from orchestrator.audit.command import ActCommand
from sessions_app.models import Session
from sessions_app.staff import cancel_session


class Command(ActCommand):
    help = "Cancels a session; what its maker has locked is given back."

    def act(self, **_options: Any) -> Act[Session]:
        return cancel_session()
