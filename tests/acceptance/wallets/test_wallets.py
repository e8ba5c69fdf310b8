"""ethers, viem and near-api-js as they are published send what the API asks for, and no more."""

import hashlib
import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from chains_app.locks import LockState
from chains_app.registry import get_adapter
from devnet.network import Devnet
from orchestrator.clients.models import Scope
from orchestrator.clients.services import create_client
from sessions_app.models import Role
from tests.acceptance.wallets.world import Swap, Wallets, read_lock, wallet_devnet
from tests.integration.doors.calls import post
from tests.integration.floor.conftest import caller

ON_EVM = pytest.mark.parametrize("library", ["ethers", "viem"])


@pytest.fixture(scope="module")
def devnet() -> Iterator[Devnet]:
    with wallet_devnet() as running:
        yield running


@pytest.fixture
def wallets(devnet: Devnet, transactional_db: None) -> Wallets:
    _, key = create_client(name="frontend", scopes=[Scope.READ, Scope.WRITE])
    return Wallets(devnet, caller(HTTP_X_API_KEY=key))


def asked(answer: bytes) -> list[dict[str, Any]]:
    transactions: list[dict[str, Any]] = json.loads(answer)["walletTransactions"]
    return transactions


def assert_locked(swap: Swap, answer: bytes, hashes: list[str], count: int) -> None:
    """Exactly what was asked for went out, and the source lock stands as it was agreed."""
    assert len(asked(answer)) == len(hashes) == len(set(hashes)) == count
    assert read_lock(swap.terms(Role.SOURCE)).state is LockState.OPEN


@ON_EVM
@pytest.mark.parametrize(("coin", "count"), [("base:ETH", 1), ("base:USDC", 2), ("base:USDT", 3)])
def test_a_wallet_on_base_sends_all_that_a_lock_may_need(
    wallets: Wallets, library: str, coin: str, count: int
) -> None:
    swap = wallets.swap(coin)
    assert read_lock(swap.terms(Role.SOURCE)).state is LockState.ABSENT
    hashes = wallets.send(library, swap.executed)
    assert_locked(swap, swap.executed, hashes, count)


@ON_EVM
@pytest.mark.parametrize(("allowed", "count"), [(0, 2), (1, 3), (250 * 10**6, 1)])
def test_a_wallet_is_asked_to_allow_nothing_first_where_the_token_wants_that(
    wallets: Wallets, library: str, allowed: int, count: int
) -> None:
    swap = wallets.swap("base:USDT")
    wallets.allow(str(swap.terms(Role.SOURCE).token), allowed)
    answer = wallets.read(swap)
    assert_locked(swap, answer, wallets.send(library, answer), count)


@ON_EVM
def test_a_wallet_signs_the_order_as_it_is(wallets: Wallets, library: str) -> None:
    answer = wallets.create("base:USDC", "gasless")
    session = json.loads(answer)
    wallets.allow(session["legs"][0]["token"], 250 * 10**6)
    sent = {"signature": wallets.sign_order(library, answer)}
    executed = post(wallets.api, f"/sessions/{session['sessionId']}/execute", sent)
    assert (executed["status"], executed["walletTransactions"]) == ("source_locking", [])


@pytest.mark.parametrize(("coin", "count"), [("near:NEAR", 1), ("near:USDC", 2)])
def test_a_wallet_on_near_sends_all_that_a_lock_may_need(
    wallets: Wallets, coin: str, count: int
) -> None:
    swap = wallets.swap(coin)
    assert read_lock(swap.terms(Role.SOURCE)).state is LockState.ABSENT
    hashes = wallets.send("near", swap.executed)
    assert_locked(swap, swap.executed, hashes, count)


@pytest.mark.parametrize(
    ("coin", "library"), [("base:USDC", "ethers"), ("base:USDC", "viem"), ("near:USDC", "near")]
)
def test_a_wallet_takes_the_source_back_with_the_exit_kit(
    wallets: Wallets, coin: str, library: str
) -> None:
    swap = wallets.swap(coin)
    wallets.send(library, swap.executed)
    terms, kit = swap.terms(Role.SOURCE), wallets.exit_kit(swap)
    wallets.devnet.mine(seconds=terms.timelock - get_adapter(terms.chain).head().time)
    (_,) = wallets.send(library, kit, "source", "refund")
    reading = read_lock(terms)
    assert (reading.state, reading.is_paid) == (LockState.REFUNDED, True)


@pytest.mark.parametrize(
    ("coin", "library"), [("near:NEAR", "ethers"), ("near:NEAR", "viem"), ("base:ETH", "near")]
)
def test_a_wallet_withdraws_the_destination_with_the_exit_kit_and_the_own_secret(
    wallets: Wallets, coin: str, library: str
) -> None:
    secret = os.urandom(32)
    swap = wallets.swap(coin, "0x" + hashlib.sha256(secret).hexdigest())
    terms, kit = swap.terms(Role.DESTINATION), wallets.exit_kit(swap)
    wallets.lock_by_us(terms)
    assert read_lock(terms).state is LockState.OPEN
    (_,) = wallets.send(library, kit, "destination", "withdraw", secret=secret.hex())
    reading = read_lock(terms)
    assert (reading.state, reading.is_paid) == (LockState.WITHDRAWN, True)
