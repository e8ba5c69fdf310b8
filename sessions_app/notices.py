"""The doorbell of the WebSocket feed: says that a session moved, and up to which transition.

What moved stands in the database; a notice that is lost delays a client until the next one.
"""

from collections.abc import Iterable
from typing import Final
from uuid import UUID

import structlog
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)

MESSAGE: Final = "session.moved"  # the consumer's method is named after it


def group_of(session_id: UUID) -> str:
    """The channel layer's group of everybody who follows this session."""
    return f"session.{session_id}"


def ring(moved: Iterable[tuple[UUID, int]]) -> None:
    """Tell the followers of each session its newest `seq`; never raises when the broker is gone."""
    try:
        async_to_sync(_ring)(list(moved))
    except (RedisError, OSError) as error:
        log.warning("notice_lost", error=type(error).__name__)


async def _ring(moved: list[tuple[UUID, int]]) -> None:
    layer = get_channel_layer()
    for session_id, seq in moved:
        notice = {"type": MESSAGE, "session_id": str(session_id), "seq": seq}
        await layer.group_send(group_of(session_id), notice)
