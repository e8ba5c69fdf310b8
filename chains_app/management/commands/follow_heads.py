"""`manage.py follow_heads`: turns each new block of every chain into a hint to poll."""

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand

from chains_app.checks import require_right_configuration
from chains_app.heads import follow_heads


class Command(BaseCommand):
    help = "Follows the heads of all chains and hints at each new block, until it is told to end."

    requires_system_checks = ()  # they are among what it checks itself, in one line

    def handle(self, *_: Any, **__: Any) -> None:
        """Run until SIGTERM or SIGINT."""
        require_right_configuration()
        ended = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: ended.set())
        follow_heads(ended)
