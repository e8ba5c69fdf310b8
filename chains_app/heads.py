"""Following heads: each new block becomes a hint to poll its chain. Nothing depends on it."""

import threading
from typing import Final

import structlog

from chains_app.adapters.interface import ChainError
from chains_app.registry import chains, get_adapter
from orchestrator.hints import send_hint

POLL_TASK: Final = "chains_app.tasks.poll_chains"
INTERVAL_SECONDS: Final = 0.2  # each look is a request to a node, which costs its owner money
PAUSE_SECONDS: Final = 1.0  # after a failure

log = structlog.get_logger(__name__)


def follow_heads(ended: threading.Event, interval: float = INTERVAL_SECONDS) -> None:
    """Until `ended` is set, hint at each new head; a thread a chain: none waits for another."""
    threads = [
        threading.Thread(target=_follow, args=(chain, ended, interval), name=f"heads-{chain}")
        for chain in chains()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _follow(chain: str, ended: threading.Event, interval: float) -> None:
    adapter, last, pause = get_adapter(chain), "", 0.0
    while not ended.wait(pause):
        pause = interval
        try:
            head = adapter.head().hash
        except ChainError as error:
            log.warning("head_unknown", chain=chain, reason=error.code)
            pause = PAUSE_SECONDS
            continue
        if head != last:
            send_hint(POLL_TASK, chain)
            last = head
