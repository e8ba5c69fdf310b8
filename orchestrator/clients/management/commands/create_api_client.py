from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from orchestrator.audit.acts import record, system_user
from orchestrator.audit.models import Kind
from orchestrator.clients.models import ApiClient, Scope
from orchestrator.clients.services import create_client, find_client, issue_key
from orchestrator.kernel.errors import OrchestratorError


class Command(BaseCommand):
    """Prints nothing but the key on standard output, so that a script can take it."""

    help = "Creates an API client and prints its key, once: only a hash of it is stored."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="whose it is, as staff will see it")
        wanted = parser.add_mutually_exclusive_group(required=True)
        wanted.add_argument("--scopes", nargs="+", choices=Scope.values)
        wanted.add_argument(
            "--another-key", action="store_true",
            help="for a client that there is, to go over to before its old key is revoked",
        )  # fmt: skip
        parser.add_argument("--reason", required=True, help="why; it is recorded with who you are")

    def handle(self, *, name: str, scopes: list[str] | None, reason: str, **_options: Any) -> None:
        longest = ApiClient._meta.get_field("name").max_length or 0
        if not name.strip() or len(name) > longest or not name.isprintable():
            shown = repr(name[:20])
            raise CommandError(f"{shown} is not a name: give 1 to {longest} printable characters")
        try:
            client, key = _issue(name.strip(), scopes, reason)
        except OrchestratorError as error:
            raise CommandError(str(error)) from None
        scopes_given = ", ".join(client.scopes)
        self.stderr.write(f"{client.name} ({scopes_given}); keep the key, it is shown this once")
        self.stdout.write(key)


@transaction.atomic
def _issue(name: str, scopes: list[str] | None, reason: str) -> tuple[ApiClient, str]:
    """A new client's first key, or another one of a client that there is."""
    if scopes is None:
        client = find_client(name)
        key = issue_key(client)
    else:
        client, key = create_client(name=name, scopes=[Scope(one) for one in scopes])
    done = f"{client} has the key {key.split('_')[1]}"
    record(
        "create_api_client", Kind.CLIENT, str(client.pk),
        who=system_user(), reason=reason, done=done,
    )  # fmt: skip
    return client, key
