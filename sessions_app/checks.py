"""Refuses to start while open swaps stand in contracts, or in coins, that we no longer know."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import ProgrammingError
from django.db.models import Q

from chains_app.config import ConfigurationError
from chains_app.registry import chains, get_chain
from chains_app.selectors import Place, places_in_use
from sessions_app.domain.attention import Attention
from sessions_app.models import HAS_ENDED, Leg, Session


@register(Tags.database)
def check_open_swaps(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **_: Any
) -> list[CheckMessage]:
    """Our duties go to configured contracts and tokens alone (rule 15), so none may be taken out
    before the last swap in it has ended, is paid, and can't be reorganised away. Runs where a
    database is given, as at each start.
    """
    if not databases:
        return []
    try:
        used, known = _used_by_open_swaps() | places_in_use(), set(chains())
    except (ProgrammingError, ConfigurationError):  # not migrated yet; told by other checks
        return []
    return [
        Error(
            f"{place.chain}: open swaps need {what}, which is not configured",
            hint="Configure it again until list_stuck_sessions and the admin show them ended, paid "
            "ones too, and the chain's slowest finality is over.",
            id="sessions_app.E001",
        )
        for place in sorted(used, key=str)
        for what in _unknown(place, known)
    ]


def _used_by_open_swaps() -> set[Place]:
    is_owed = Q(attention=Attention.REPAYMENT_OWED.value, attention_since__isnull=False)
    legs = Leg.objects.filter(session__in=Session.objects.filter(~HAS_ENDED | is_owed))
    used = legs.values_list("terms__chain", "terms__contract", "terms__token").distinct()
    return {Place(*each) for each in used}


def _unknown(place: Place, known: set[str]) -> list[str]:
    if place.chain not in known:
        return [f"chain {place.chain}"]
    spec, token = get_chain(place.chain), place.token
    unknown = [] if place.contract == spec.contract else [f"contract {place.contract}"]
    return unknown if token is None or token in spec.tokens else [*unknown, f"token {token}"]
