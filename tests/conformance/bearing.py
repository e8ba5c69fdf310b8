"""The whole suite under faults that can be borne: which test runs under which, and how.

The rule of `make test`: beside its plain run, each test of a real chain runs under one fault more,
picked by its name, so that it is the same in every run. `EVERY_FAULT=1 .venv/bin/pytest
tests/conformance` runs each under all of them.
"""

import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final, cast

import pytest

from chains_app.adapters.interface import ChainAdapter, ChainUnavailableError
from devnet.faults import ChainFaults
from tests.conformance.evm_world import EvmWorld
from tests.conformance.faulty import BEARABLE
from tests.conformance.near_world import NearWorld

PLAIN: Final = "plain"
ONE_OF_THEM: Final = "one fault"
SEED: Final = 144  # with it, no fault has much fewer tests than the others
SENDS: Final = 3  # of the same bytes, while no answer comes

# By the beginning of a test's name. Where no send is answered, no refusal is heard; a spike and a
# test that sets the price itself exclude each other.
IMPOSSIBLE: Final[dict[str, tuple[str, ...]]] = {
    "answers lost": (
        "test_garbage_is_refused",
        "test_a_used_nonce_is_refused",
        "test_what_an_account_lacks_is_refused",
        "test_a_replacement_with_raised_fees_takes_the_nonce",
    ),
    "dear": (
        "test_rule_15_a_first_fee_stays_below_the_cap",
        "test_rule_15_nothing_is_prepared_while_gas_costs_more",
    ),
}


class Outbox:
    """The adapter as the outbox uses it: what got no answer is sent again as it is (rule 6)."""

    def __init__(self, adapter: ChainAdapter) -> None:
        self._adapter = adapter

    def __getattr__(self, name: str) -> Any:
        return getattr(self._adapter, name)

    def broadcast(self, raw: bytes) -> None:
        for _ in range(SENDS):
            with suppress(ChainUnavailableError):
                self._adapter.broadcast(raw)
                return


def runs() -> Sequence[Any]:
    """The runs of each test; a plain one is named as it would be without any of this."""
    if os.environ.get("EVERY_FAULT"):
        return list(BEARABLE)
    return [pytest.param(PLAIN, id=pytest.HIDDEN_PARAM), ONE_OF_THEM]


def fault_of(run: str, node_id: str) -> str | None:
    """The fault of a run, None for a plain one."""
    if run == PLAIN:
        return None
    test = node_id.rpartition("::")[2]
    allowed = [fault for fault in BEARABLE if is_possible(fault, test)]
    picked = zlib.crc32(f"{SEED} {test}".encode()) % len(allowed)
    return run if run != ONE_OF_THEM else allowed[picked]


def is_possible(fault: str, test: str) -> bool:
    """Whether an honest answer is left."""
    return not test.startswith(IMPOSSIBLE.get(fault, ()))


@contextmanager
def bearing(world: EvmWorld | NearWorld, faults: ChainFaults, fault: str) -> Iterator[None]:
    """The world, its adapter behind two URLs, one fault in the way to them or in the chain."""
    bare = world.connect(faults.urls, lambda adapter: cast(ChainAdapter, Outbox(adapter)))
    with BEARABLE[fault](faults):
        world.mine()  # the first block at the fee of a spike
        yield
    bare.close()
