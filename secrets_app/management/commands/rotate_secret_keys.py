from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from orchestrator.audit.acts import NotDoneError, record, system_user
from orchestrator.audit.models import Kind
from orchestrator.fields import vault_cipher
from orchestrator.kernel.errors import DecryptionError
from secrets_app.rotation import rotate_secret_keys


class Command(BaseCommand):
    """Run when all processes have the new key in VAULT_KEYS, before an old one is removed."""

    help = "Seals every stored secret under the newest key of VAULT_KEYS."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--reason", required=True, help="why; it is recorded with who you are")

    def handle(self, *, reason: str, **_options: Any) -> None:
        newest = vault_cipher().newest
        done = f"every stored secret is sealed under key {newest}, batch by batch from here on"
        try:
            record(
                "rotate_secret_keys", Kind.VAULT, f"key {newest}",
                who=system_user(), reason=reason, done=done,
            )  # fmt: skip
            count = rotate_secret_keys()
        except NotDoneError as error:
            raise CommandError(str(error)) from None
        except DecryptionError as error:
            raise CommandError(f"stopped, nothing is lost: {error}") from None
        self.stdout.write(f"{count} values are now sealed under key {newest}")
