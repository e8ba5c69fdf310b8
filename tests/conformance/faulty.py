"""What the tests of faults share: which can be borne, what no answer looks like, what is dear."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final
from unittest.mock import patch

from chains_app.adapters import standing
from chains_app.adapters.interface import ChainUnavailableError, Signed, SigningKey, Stage
from chains_app.adapters.shapes import _EVM, _NEAR
from chains_app.adapters.standing import FIRST_PAUSE
from devnet.faults import BaseFaults, ChainFaults, Failure, NearFaults
from tests.conformance.world import World

Fault = Callable[[ChainFaults], AbstractContextManager[Any]]

SENDS: Final = {"eth_sendRawTransaction", "broadcast_tx_async"}
# All that adapters call, but for who a node is: who fails in that is asked nothing else.
ASKED: Final = {*_EVM, *_NEAR, "query", "tx"} - {"eth_chainId", "status"}
NO_ANSWER: Final = r"(base|near): no node answered [A-Za-z_]+"
DEAR: Final[dict[type[ChainFaults], int]] = {BaseFaults: 5 * 10**9, NearFaults: 4 * 10**8}


def failing(how: Failure, **scope: Any) -> Fault:
    return lambda faults: faults.failing(how, **scope)


def set_aside(fault: Fault) -> Fault:
    """Who takes long to fail is set aside for as long as ever: not each exchange waits for it."""

    @contextmanager
    def injecting(faults: ChainFaults) -> Iterator[None]:
        with patch.object(standing, "FIRST_PAUSE", FIRST_PAUSE), fault(faults):
            yield

    return injecting


# Those that leave an honest answer possible.
BEARABLE: Final[dict[str, Fault]] = {
    "slow": lambda faults: faults.delaying(0.01),
    "everything twice": lambda faults: faults.doubling(),
    "sends twice": lambda faults: faults.doubling(methods=SENDS),
    "answers lost": failing(Failure.LOST, methods=SENDS),
    "the first URL hangs": set_aside(lambda faults: faults.hanging(at=0)),
    "the first URL drips": set_aside(lambda faults: faults.dripping(at=0)),
    "the first URL never ends": set_aside(lambda faults: faults.never_ending(at=0)),
    "the first URL hangs for sends": lambda faults: faults.hanging(methods=SENDS, at=0),
    "the first URL refuses": lambda faults: faults.refusing_connections(at=0),
    "the first URL answers twice": lambda faults: faults.answering_twice(at=0),
    "dear": lambda faults: faults.fee_spike(DEAR[type(faults)]),
    **{f"the first URL: {how.value}": failing(how, at=0, methods=ASKED) for how in Failure},
}


def stage(world: World, sent: Signed, key: SigningKey | None = None) -> Stage:
    """How far it got, by the slowest tier; sent by our lock account unless told."""
    sender, tier = key or world.lock, list(world.spec.finality)[-1]
    return world.adapter.transaction_status(sent.hash, sender.account, tier).stage


def unavailable(ask: Callable[[], Any]) -> str | None:
    """What a ChainUnavailableError says, and what led to it if that would be shown."""
    try:
        ask()
    except ChainUnavailableError as error:
        cause = None if error.__suppress_context__ else error.__context__
        return str(error) if cause is None else f"{error} ({cause!r})"
    return None
