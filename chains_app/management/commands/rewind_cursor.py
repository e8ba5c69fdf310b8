"""`manage.py rewind_cursor CHAIN --to N --reason WHY`: read a chain's newest blocks again."""

from argparse import ArgumentParser
from typing import Any

from chains_app.models import ChainCursor
from chains_app.staff import rewind_cursor
from orchestrator.audit.acts import Act
from orchestrator.audit.command import ActCommand


class Command(ActCommand):
    help = "Has every block above N read again, up to where the chain was read; never skips any. "
    help += "A higher N takes back what is still to be read again."
    subject = "CHAIN"

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--to", type=int, required=True, metavar="N", help="a block's height")

    def act(self, **options: Any) -> Act[ChainCursor]:
        return rewind_cursor(options["to"])
