"""Makers' own bytes: what made a lock makes it again when its chain took it back."""

from collections.abc import Iterable
from uuid import UUID

import structlog

from chains_app.adapters.interface import ChainError
from chains_app.models import Creation
from chains_app.registry import get_adapter
from chains_app.selectors import chain_now

log = structlog.get_logger(__name__)


def send_creations_again(references: Iterable[UUID], *, most: int) -> int:
    """Give the nodes the makers' own bytes again that made these locks, where they were kept; how
    many were taken, of the `most` that are tried.

    They made exactly these locks, and the contracts take each once; not when they could only be
    mined after `lock_by`, at the maker's cost.
    """
    kept = Creation.objects.filter(watch__reference__in=references).select_related("watch")
    return sum(_was_taken(each) for each in kept.order_by("-pk")[:most])


def _was_taken(creation: Creation) -> bool:
    watch = creation.watch
    if chain_now(watch.chain) + 1 > watch.terms.lock_by:
        return False
    try:
        get_adapter(watch.chain).broadcast(bytes(creation.raw))
    except ChainError as error:
        log.warning("creation_not_sent", chain=watch.chain, reason=error.code)
        return False
    return True
