from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from orchestrator.clients.models import ApiClient, Scope
from orchestrator.clients.services import create_client
from orchestrator.kernel.errors import ConflictError


class Command(BaseCommand):
    """Prints nothing but the key on standard output, so that a script can take it."""

    help = "Creates an API client and prints its key, once: only a hash of it is stored."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="whose it is, as staff will see it")
        parser.add_argument("--scopes", nargs="+", choices=Scope.values, required=True)

    def handle(self, *, name: str, scopes: list[str], **_options: Any) -> None:
        longest = ApiClient._meta.get_field("name").max_length or 0
        if not name.strip() or len(name) > longest:
            raise CommandError(f"{name[:20]!r} is not a name: give 1 to {longest} characters")
        try:
            client, key = create_client(name=name.strip(), scopes=[Scope(one) for one in scopes])
        except ConflictError as error:
            raise CommandError(str(error)) from None
        scopes_given = ", ".join(client.scopes)
        self.stderr.write(f"{client.name} ({scopes_given}); keep the key, it is shown this once")
        self.stdout.write(key)
