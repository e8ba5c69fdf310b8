"""Refuses to start while open swaps stand in contracts, or in coins, that we no longer know."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import ProgrammingError

from chains_app.config import ConfigurationError
from chains_app.registry import chains, get_chain
from sessions_app.models import ENDED, Leg


@register(Tags.database)
def check_open_swaps(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **_: Any
) -> list[CheckMessage]:
    """Our duties go to configured contracts and tokens alone (rule 15), so none may be taken out
    before the last swap in it has ended. Runs where a database is given, as at each start.
    """
    if not databases:
        return []
    try:
        used, known = _used_by_open_swaps(), set(chains())
    except (ProgrammingError, ConfigurationError):  # not migrated yet; told by other checks
        return []
    return [
        Error(
            f"{chain}: open swaps need {what}, which is not configured",
            hint="Configure it again until list_stuck_sessions and the admin show them ended.",
            id="sessions_app.E001",
        )
        for chain, contract, token in used
        for what in _unknown(chain, contract, token, known)
    ]


def _used_by_open_swaps() -> list[tuple[str, str, str | None]]:
    legs = Leg.objects.exclude(session__status__in=ENDED)
    used = legs.values_list("terms__chain", "terms__contract", "terms__token").distinct()
    return sorted(used, key=str)


def _unknown(chain: str, contract: str, token: str | None, known: set[str]) -> list[str]:
    if chain not in known:
        return [f"chain {chain}"]
    spec = get_chain(chain)
    unknown = [] if contract == spec.contract else [f"contract {contract}"]
    return unknown if token is None or token in spec.tokens else [*unknown, f"token {token}"]
