"""`manage.py explain_session ID`: its moves, and what its guards saw and said, in words."""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from sessions_app.explaining import explain
from sessions_app.selectors import SessionNotFoundError
from sessions_app.staff import find_session


class Command(BaseCommand):
    help = "Explains why a session is where it is; never shows a secret."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("session_id", type=UUID)

    def handle(self, *, session_id: UUID, **_options: Any) -> None:
        """Print the explanation; raises CommandError when there is no such session."""
        try:
            session = find_session(session_id)
        except SessionNotFoundError as error:
            raise CommandError(str(error)) from None
        for line in explain(session):
            self.stdout.write(line)
