"""The shape of every `manage.py` command that does something for a person."""

from abc import abstractmethod
from argparse import ArgumentParser
from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandError

from orchestrator.audit.acts import Act, perform, preview, system_user
from orchestrator.kernel.errors import OrchestratorError


class ActCommand(BaseCommand):
    """`ID --reason WHY [--yes]`: shows what it would do, and does it with `--yes` alone.

    Ends with exit code 1 and one line when it did not do it.
    """

    subject: ClassVar[str] = "ID"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("subject", metavar=self.subject)
        parser.add_argument("--reason", required=True, help="why; it is recorded with who you are")
        parser.add_argument("--yes", action="store_true", help="do it, instead of only saying what")

    @abstractmethod
    def act(self, **options: Any) -> Act[Any]:
        """What these options ask for."""

    def handle(self, *, subject: str, reason: str, yes: bool, **options: Any) -> None:
        """Say what was done; raises CommandError when nothing was."""
        try:
            act = self.act(**options)
            if not yes:
                self.stdout.write(f"would: {preview(act, subject)}")
                raise CommandError("nothing was done: repeat it with --yes")
            self.stdout.write(perform(act, subject, who=system_user(), reason=reason))
        except OrchestratorError as error:
            raise CommandError(str(error)) from None
