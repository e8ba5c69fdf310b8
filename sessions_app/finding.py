"""Finding what a person names by what they have of it; each way there is an index's."""

import re
from typing import Final
from uuid import UUID

from django.db.models import Q

from chains_app.patterns import spellings
from chains_app.selectors import references_of
from sessions_app.models import Leg, Session

WHAT: Final = "id, hashlock, lock id, transaction hash or account of the maker, whole"
_HASH: Final = re.compile(r"(?:0x)?([0-9a-f]{64})", re.IGNORECASE)


def find_sessions(text: str, *, limit: int) -> list[Session]:
    """Those that `text` is WHAT of, with quote and client, the newest first."""
    rows = Session.objects.select_related("quote", "client").filter(sessions_of(text))
    return list(rows.order_by("-created_at", "-id")[:limit])


def sessions_of(text: str) -> Q:
    """Sessions that `text` is WHAT of, in any case where case says nothing."""
    if is_id := _by_id(text):
        return is_id
    written = spellings(text.strip())
    found = Q(maker_source_account__in=written) | Q(maker_destination_account__in=written)
    if digits := _HASH.fullmatch(text.strip()):
        found |= Q(hashlock=bytes.fromhex(digits[1]))
    legs = Leg.objects.filter(pk__in=references_of(written))
    return found | Q(pk__in=list(legs.values_list("session", flat=True)))


def surplus_of(text: str) -> Q:
    """Surplus whose id, or whose lock's, `text` is."""
    return _by_id(text) or Q(lock_id__in=spellings(text.strip()))


def _by_id(text: str) -> Q | None:
    try:
        return Q(pk=UUID(text.strip()))
    except ValueError:
        return None
