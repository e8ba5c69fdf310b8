"""`manage.py rebroadcast ID --reason WHY`: send what has left us again."""

from typing import Any

from orchestrator.audit.acts import Act
from orchestrator.audit.command import ActCommand
from sessions_app.models import Session
from sessions_app.staff import rebroadcast


class Command(ActCommand):
    help = "Gives the nodes the same bytes again: what has left us and is in no block."

    def act(self, **_options: Any) -> Act[Session]:
        return rebroadcast()
