"""`manage.py retry_session ID --reason WHY`: drive a session now; its guards are asked as ever."""

import getpass
from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from sessions_app.models import Intervention
from sessions_app.selectors import SessionNotFoundError
from sessions_app.staff import NothingToRetryError, find_session, retry_session


class Command(BaseCommand):
    help = "Drives a session and its open chain writes now, without waiting for their pauses."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("session_id", type=UUID)
        parser.add_argument("--reason", required=True, help="why; it is recorded with who you are")

    def handle(self, *, session_id: UUID, reason: str, **_options: Any) -> None:
        """Say what it was and what it is; raises CommandError when nothing was done."""
        longest = Intervention._meta.get_field("reason").max_length or 0
        if not reason.strip() or len(reason) > longest:
            raise CommandError(f"--reason: give 1 to {longest} characters")
        try:
            before = find_session(session_id).status
            after = retry_session(session_id=session_id, by=getpass.getuser(), reason=reason)
        except (SessionNotFoundError, NothingToRetryError) as error:
            raise CommandError(str(error)) from None
        if after.attention:
            raise CommandError(f"{session_id} is {after.status} and needs you: {after.attention}")
        self.stdout.write(f"{session_id} was {before}, is {after.status}; its writes are due now")
