"""Refuses to start while something is stored that our keys don't open."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import ProgrammingError

from secrets_app.rotation import used_key_ids


@register(Tags.database)
def check_vault_keys(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **_: Any
) -> list[CheckMessage]:
    """Runs where a database is given: `manage.py check --database default`, and each migrate."""
    if not databases:
        return []
    try:
        missing = used_key_ids() - set(settings.VAULT_KEYS)
    except ProgrammingError:  # not migrated yet, so nothing is stored
        return []
    if not missing:
        return []
    names = ", ".join(str(one) for one in sorted(missing))
    return [
        Error(
            f"VAULT_KEYS lacks key {names}, and stored secrets are sealed under it",
            hint="Add the key again; rotate_secret_keys seals everything under the newest.",
            id="secrets_app.E001",
        )
    ]
