"""How long the work at hand may wait for others in all: what many wait behind, not for long.

Work that was begun without a bound waits as long as each wait allows by itself.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

LEAST: Final = 0.02  # seconds; who is given less can't answer
FAIR: Final = 0.25  # a node that is well answers in that


@dataclass
class _Patience:
    left: float  # seconds


_patience: ContextVar[_Patience | None] = ContextVar("patience", default=None)


@contextmanager
def wait_at_most(seconds: float) -> Iterator[None]:
    """What is done inside, by this thread, waits no longer than that in all."""
    before = _patience.set(_Patience(seconds))
    try:
        yield
    finally:
        _patience.reset(before)


def is_over() -> bool:
    """Whether nobody may be waited for any more."""
    patience = _patience.get()
    return patience is not None and patience.left < LEAST


def is_fair() -> bool:
    """Whether the next wait is long enough to blame who does not answer in it."""
    patience = _patience.get()
    return patience is None or patience.left / 2 >= FAIR


@contextmanager
def one_wait() -> Iterator[float | None]:
    """The seconds that one wait may take, None without a bound: half of what is left, so that
    whoever is asked next has a turn.
    """
    patience = _patience.get()
    if patience is None:
        yield None
        return
    began = time.monotonic()
    try:
        yield max(LEAST, patience.left / 2)
    finally:
        patience.left -= time.monotonic() - began
