"""How a node has stood the tests so far. Pure: instants are seconds of one steady clock."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from chains_app.locks import Block
from orchestrator.kernel.clock import Seconds

FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 60.0
LAG_BLOCKS: Final = 5  # where no time says when a head is stale
_DOUBLINGS: Final = 10  # more than the longest pause needs


@dataclass
class Standing:
    """`failures`: in a row. `is_proved`: since the last of them it has named our chain as its own.

    `foreign`: what it is of instead, in words. `head`: its own, when heads were last compared.
    `unheard`: sends in a row that it did not answer; reads tell nothing of them.
    """

    failures: int = 0
    aside_until: float = 0.0
    is_proved: bool = False
    foreign: str | None = None
    head: Block | None = None
    unheard: int = 0

    def fail(self, now: float) -> None:
        """Set it aside, each time in a row for twice as long; who it is has to be proved anew."""
        pause = FIRST_PAUSE * 2 ** min(self.failures, _DOUBLINGS)
        self.aside_until = now + min(pause, LONGEST_PAUSE)
        self.failures += 1
        self.is_proved = False

    def answer(self) -> None:
        """It did what it is there for."""
        self.failures, self.aside_until = 0, 0.0

    def is_aside(self, now: float) -> bool:
        """Whether it is not to be asked yet, while another may be."""
        return now < self.aside_until

    def strays(self, best: Block | None, stale_after: int | None) -> bool:
        """Whether its head is too far from the best, behind it or, being invented, ahead of it."""
        if best is None or self.head is None:
            return False
        if stale_after is None:
            return abs(best.height - self.head.height) > LAG_BLOCKS
        return abs(best.time - self.head.time) > stale_after


def best_head(heads: Sequence[Block], stale_after: int | None, wall: Seconds) -> Block | None:
    """The head that the others are compared with: no node makes them lag by inventing one.

    Where staleness has a time, that is the newest which is not of the future, and counts as no
    later than `wall`; if all are of the future, the clock is wrong. Else it is the highest, but the
    second where the first is alone above it.
    """
    if stale_after is None:
        highest = sorted(heads, key=_height, reverse=True)
        is_alone = len(highest) > 1 and highest[0].height - highest[1].height > LAG_BLOCKS
        return highest[is_alone] if highest else None
    told = [head for head in heads if head.time - wall <= stale_after]
    if not told:
        return max(heads, key=_time, default=None)
    best = max(told, key=_time)
    return replace(best, time=min(best.time, wall))


def _height(head: Block) -> int:
    return head.height


def _time(head: Block) -> Seconds:
    return head.time
