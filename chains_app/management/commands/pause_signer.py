"""`manage.py pause_signer ID [--resume] --reason WHY`: the kill switch of one key."""

from argparse import ArgumentParser
from typing import Any

from chains_app.models import Signer
from chains_app.staff import pause_signer
from orchestrator.audit.acts import Act
from orchestrator.audit.command import ActCommand


class Command(ActCommand):
    help = "Has a key sign nothing more, or again; an unknown ID lists the signers with theirs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--resume", action="store_true", help="the other way round")

    def act(self, **options: Any) -> Act[Signer]:
        return pause_signer(resume=options["resume"])
