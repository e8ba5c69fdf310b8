from argparse import ArgumentParser
from typing import Any

import structlog
from django.core.management.base import BaseCommand, CommandError

from orchestrator.fields import vault_cipher
from orchestrator.kernel.errors import DecryptionError
from secrets_app.rotation import rotate_secret_keys

log = structlog.get_logger(__name__)


class Command(BaseCommand):
    """Run when all processes have the new key in VAULT_KEYS, before an old one is removed."""

    help = "Seals every stored secret under the newest key of VAULT_KEYS."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--reason", required=True, help="why, for the log")

    def handle(self, *, reason: str, **_options: Any) -> None:
        try:
            count = rotate_secret_keys()
        except DecryptionError as error:
            raise CommandError(f"stopped, nothing is lost: {error}") from None
        log.info("secret_keys_rotated", count=count, key=vault_cipher().newest, reason=reason)
        self.stdout.write(f"{count} values are now sealed under key {vault_cipher().newest}")
