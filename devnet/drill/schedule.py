"""What a drill does and when: all of it follows from a seed and the number of swaps.

Three lanes of faults run at once, each with one fault at a time: the chains, the ways to their
nodes, and our machines. Times are seconds from the drill's start.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import Enum
from itertools import product
from typing import Any, Final

COINS: Final = {"base:ETH": 10**16, "base:USDC": 10**6, "near:NEAR": 10**25, "near:USDC": 10**6}
CHAINS: Final = ("base", "near")
# What may stand between a reveal and the source's withdrawal without a loss: the storm as a whole,
# its jumps added, is shorter. A drill without end would be one that nothing insures.
HALT: Final = 420
MOST_STORM: Final = 300.0
MOST_JUMPED: Final = 60
DURATIONS: Final = {
    "time_to_lock": 60,
    "inclusion": 30,
    "guard_distance": 40,
    "claim_window": 900,
    "margin": 500,
    "clock_slack": 10,
    "halt": HALT,
}


class Behaviour(Enum):
    """What a maker does."""

    HONEST = "honest"
    NEVER_LOCKS = "never locks"
    LOCKS_LATE = "locks after accept_by"
    CANCELS = "cancels before the lock"
    CANCELS_LOCKED = "cancels after the lock"
    # whose secret is the maker's
    KEEPS_SECRET = "keeps the secret"  # noqa: S105 - no secret
    POSTS_WRONG = "posts a wrong and an early secret first"
    WITHDRAWS = "withdraws on chain"
    WITHDRAWS_LATE = "withdraws at the last moment"


B = Behaviour
OF_ANYBODY: Final = (B.NEVER_LOCKS, B.LOCKS_LATE, B.CANCELS, B.CANCELS_LOCKED)
OF_SIGNERS: Final = (B.CANCELS, B.CANCELS_LOCKED)  # of an order: the lock is ours to make
OF_OWNERS: Final = (B.KEEPS_SECRET, B.POSTS_WRONG, B.WITHDRAWS, B.WITHDRAWS_LATE)


@dataclass(frozen=True)
class Swap:
    """One swap, by a maker of its own."""

    number: int
    at: float
    source: str
    destination: str
    amount: int
    lock_mode: str
    owns_secret: bool
    behaviour: Behaviour

    @property
    def route(self) -> str:
        """Its route's id."""
        return f"{self.source}->{self.destination}"


@dataclass(frozen=True)
class Fault:
    """`kind` with its `target` (a chain, a process, or nothing), for `seconds`; `size` by kind."""

    at: float
    kind: str
    target: str = ""
    seconds: float = 0.0
    size: int = 0


@dataclass(frozen=True)
class Schedule:
    """Everything that is going to happen."""

    seed: int
    storm_seconds: float
    swaps: tuple[Swap, ...]
    lanes: Mapping[str, tuple[Fault, ...]]

    def to_json(self) -> dict[str, Any]:
        """For a person, and to compare."""
        return asdict(self)


def draw(seed: int, swaps: int) -> Schedule:
    """The schedule of a seed (any integer) for so many swaps."""
    drawn = random.Random(f"1balancer drill {seed} {swaps}")  # noqa: S311 - to be had again
    storm = min(MOST_STORM, max(45.0, 1.5 * swaps))
    return Schedule(
        seed=seed,
        storm_seconds=storm,
        swaps=tuple(_swaps(drawn, swaps, storm * 0.8)),
        lanes={name: tuple(_lane(drawn, makers, storm)) for name, makers in LANES.items()},
    )


def _swaps(drawn: random.Random, count: int, seconds: float) -> Iterator[Swap]:
    """Every combination of coins and modes in turn, from a place that the seed chooses."""
    kinds = [
        (source, destination, lock_mode, owns_secret)
        for source, destination, lock_mode, owns_secret in product(
            COINS, COINS, ("wallet", "gasless"), (False, True)
        )
        if source[:4] != destination[:4] and (lock_mode == "wallet" or source == "base:USDC")
    ]
    drawn.shuffle(kinds)
    for number in range(count):
        source, destination, lock_mode, owns_secret = kinds[number % len(kinds)]
        yield Swap(
            number=number,
            at=round(seconds * number / count, 2),
            source=source,
            destination=destination,
            amount=COINS[source] * drawn.randint(*_AMOUNTS[source]),
            lock_mode=lock_mode,
            owns_secret=owns_secret,
            behaviour=_behaviour(drawn, lock_mode, owns_secret=owns_secret),
        )


_AMOUNTS: Final = {
    "base:ETH": (2, 20), "base:USDC": (50, 500), "near:NEAR": (2, 20), "near:USDC": (50, 500),
}  # fmt: skip


def _behaviour(drawn: random.Random, lock_mode: str, *, owns_secret: bool) -> Behaviour:
    """Four of ten misbehave."""
    if drawn.random() < 0.6:
        return B.HONEST
    able = OF_ANYBODY if lock_mode == "wallet" else OF_SIGNERS
    chosen: Behaviour = drawn.choice([*able, *(OF_OWNERS if owns_secret else ())])
    return chosen


def _lane(drawn: random.Random, kinds: "Kinds", storm: float) -> Iterator[Fault]:
    """One fault after the other, with a pause of up to 4 s between them, each kind in its turn."""
    at, jumped, bag = drawn.uniform(1, 4), 0, list[str]()
    while True:
        bag = bag or drawn.sample(sorted(kinds), len(kinds))
        kind = bag.pop()
        targets, (least, most), sizes = kinds[kind]
        seconds, size = round(drawn.uniform(least, most), 1), drawn.randint(*sizes)
        if kind == "jump":
            jumped += size
        if at + seconds > storm:
            return
        if jumped <= MOST_JUMPED or kind != "jump":
            yield Fault(round(at, 1), kind, drawn.choice(targets), seconds, size)
        at += seconds + drawn.uniform(1, 4)


Kinds = Mapping[str, tuple[tuple[str, ...], tuple[float, float], tuple[int, int]]]
# of each kind: its targets, the bounds of its seconds, and of its size
_NOWHERE: Final = ("",)
LANES: Final[Mapping[str, Kinds]] = {
    "chains": {
        "stall": (CHAINS, (2, 8), (0, 0)),
        "reorganise": (CHAINS, (0, 0), (1, 2)),  # blocks deep; what they held comes back
        "reorganise_away": (CHAINS, (0, 0), (1, 2)),  # what they held is gone
        "fee_spike": (CHAINS, (3, 8), (2, 40)),  # times half the usual price
        "jump": (_NOWHERE, (0, 0), (3, 15)),  # seconds, of both clocks
    },
    "ways": {
        "failing": (CHAINS, (2, 6), (0, 7)),  # the number of the Failure
        "hanging": (CHAINS, (2, 5), (0, 0)),
        "refusing": (CHAINS, (2, 5), (0, 0)),
        "delaying": (CHAINS, (2, 5), (100, 900)),  # milliseconds
        "stale": (CHAINS, (3, 8), (2, 9)),  # blocks
        "lying": (CHAINS, (3, 8), (0, 2)),  # the number of the Lie
        "doubling": (CHAINS, (3, 8), (0, 0)),
        "outage": (CHAINS, (2, 5), (0, 0)),  # no node of the chain answers
    },
    "machines": {
        "kill": (("web", "ws", "worker", "worker", "beat", "heads"), (0, 3), (0, 0)),
        "kill_one": (("worker",), (0, 0), (0, 0)),  # of the processes that one started
        "freeze": (("worker",), (4, 7), (0, 0)),  # longer than a claim lasts
        "second_worker": (_NOWHERE, (4, 10), (0, 0)),
        "flush_redis": (_NOWHERE, (0, 0), (0, 0)),
        "stop_redis": (_NOWHERE, (1, 4), (0, 0)),
        "restart_postgres": (_NOWHERE, (0, 0), (0, 0)),
    },
}  # fmt: skip
