"""A halt that nothing insures: all that drives swaps is gone until the sources' timelocks are past.

Some makers use it, and take both legs; those are lost, and no others.
"""

from collections.abc import Callable, Sequence
from typing import Final

from devnet.drill.makers import Maker, seconds_of
from devnet.drill.schedule import COINS, Behaviour, Swap
from devnet.network import Devnet
from devnet.service import Service

DRIVERS: Final = ("worker", "heads", "beat")
WAYS: Final = (("base:ETH", "near:NEAR"), ("near:USDC", "base:USDC"))
AMOUNTS: Final = {"base:ETH": 5, "near:USDC": 100}


def beyond_swaps(first: int) -> list[Swap]:
    """Two each way, all with the makers' own secrets; numbers from `first` on."""
    return [
        Swap(first + number, 0.0, source, destination, COINS[source] * AMOUNTS[source], "wallet",
             owns_secret=True, behaviour=Behaviour.KEEPS_SECRET)
        for number, (source, destination) in enumerate(WAYS * 2)
    ]  # fmt: skip


def go_beyond(
    devnet: Devnet, service: Service, makers: Sequence[Maker], jump_to: Callable[[int], None]
) -> list[Maker]:
    """From both locks on; the makers who have both legs in the end."""
    takers = list(makers[: len(WAYS)])
    for name in DRIVERS:
        service.processes[name].kill()
    for maker in takers:
        maker.exit("destination", "withdraw", maker.secret or b"")
    devnet.wait_blocks(2)
    jump_to(max(seconds_of(leg["timelock"]) for maker in makers for leg in maker.kit["legs"]) + 1)
    for maker in takers:
        maker.exit("source", "refund")
    devnet.wait_blocks(2)
    service.restart_ended()
    return takers
