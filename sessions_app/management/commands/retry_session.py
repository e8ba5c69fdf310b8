"""`manage.py retry_session ID --reason WHY`: drive a session now; its guards are asked as ever."""

from typing import Any

from orchestrator.audit.acts import Act
from orchestrator.audit.command import ActCommand
from sessions_app.models import Session, Surplus
from sessions_app.staff import retry_session


class Command(ActCommand):
    help = "Drives a session and its open chain writes now, whatever failed before."

    def act(self, **_options: Any) -> Act[Session | Surplus]:
        return retry_session()
