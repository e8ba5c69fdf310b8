"""What the tests of faults share: where sends go, what no answer looks like, what is dear."""

from collections.abc import Callable
from typing import Any, Final

from chains_app.adapters.interface import ChainUnavailableError, Signed, SigningKey, Stage
from devnet.faults import BaseFaults, ChainFaults, NearFaults
from tests.conformance.world import World

SENDS: Final = {"eth_sendRawTransaction", "broadcast_tx_async"}
NO_ANSWER: Final = r"(base|near): no node answered [A-Za-z_]+"
DEAR: Final[dict[type[ChainFaults], int]] = {BaseFaults: 5 * 10**9, NearFaults: 4 * 10**8}


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
