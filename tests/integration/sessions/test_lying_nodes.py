"""Nodes that leave out, or answer for another chain: no absence is believed that is none."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from chains_app.adapters.interface import FactsPage
from chains_app.adapters.memory import MemoryAdapter, memory_spec
from chains_app.adapters.memory_chain import MemoryChain
from chains_app.locks import Block, Call, LockReading, LockState, LockTerms
from chains_app.models import Attempt, Watch
from chains_app.registry import signing_keys, use_adapters
from chains_app.signers import SignerRole
from orchestrator.kernel.clock import Seconds
from sessions_app.domain.states import Status
from sessions_app.models import Role, Session
from tests.integration.sessions.test_maker_mode import BOTH_WITHDRAWN, until_both_are_locked
from tests.integration.sessions.world import MAKER, TIERS, World, path, reload, status, terms


@contextmanager
def another_network(world: World, name: str) -> Iterator[MemoryChain]:
    """That chain's node answers for a network on which nothing of ours ever was."""
    real = world.chains[name]
    other = MemoryChain(
        name, start=Seconds(real.head.time - 8), tiers=TIERS, decimals=24, sequential_nonces=False
    )
    other.mine()
    other.reorganise(1)  # its blocks have other hashes from here on
    other.mine(blocks=7)
    for account in (MAKER, "lock", "duty"):
        other.fund(account, 10**30)
    adapters = {each.name: MemoryAdapter(each) for each in world.chains.values()}
    adapters[name] = MemoryAdapter(other)
    with installed(world, adapters):
        yield other


@contextmanager
def installed(world: World, adapters: dict[str, MemoryAdapter], **contracts: str) -> Iterator[None]:
    specs = {
        name: replace(memory_spec(chain), contract=contracts.get(name, chain.contract))
        for name, chain in world.chains.items()
    }
    keys = {role: signing_keys("base", role) for role in SignerRole}
    with use_adapters(adapters, specs, dict.fromkeys(specs, keys)):
        yield


def test_rule_7_a_node_of_another_network_makes_no_lock_of_ours_disappear(world: World) -> None:
    session, secret = until_both_are_locked(world)
    destination = terms(session, Role.DESTINATION)
    near = world.chains["near"]
    while near.head.time < destination.timelock - 7:
        world.live(1)
    with another_network(world, "near") as other:
        for _ in range(3):
            world.block(1)
            other.mine(seconds=max(0, int(world.clock.now) - other.head.time - 1))
            world.work()
    world.send_as(MAKER, Call.WITHDRAW, destination, secret)
    world.live(3)
    world.live_to_the_end(session)
    assert status(session) is Status.COMPLETED
    assert world.both_on_chain(session) == BOTH_WITHDRAWN


def test_rule_7_a_contract_that_is_configured_anew_makes_no_lock_disappear(world: World) -> None:
    session, _ = until_both_are_locked(world)
    adapters = {
        name: MemoryAdapter(chain, contract="new" if name == "near" else None)
        for name, chain in world.chains.items()
    }
    with installed(world, adapters, near="new"):
        world.live(60)
        assert status(session) is Status.REFUNDING
        early = Attempt.objects.filter(intent__call=Call.REFUND_EARLY.value)
        assert not early.exists()
        assert world.on_chain(session, Role.SOURCE) is LockState.OPEN
    world.live_to_the_end(session)
    assert path(session)[-1] == "refunded"
    assert world.both_on_chain(session) == (LockState.REFUNDED, LockState.REFUNDED)


def hide_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on EVM, where the state does not hold the secret, and a node left the event out once."""
    facts, read = MemoryAdapter.facts, MemoryAdapter.read_lock

    def without_secrets(self: MemoryAdapter, first: int, last: int) -> FactsPage:
        page = facts(self, first, last)
        return FactsPage(page.blocks, tuple(each for each in page.facts if each.secret is None))

    def without_secret(self: MemoryAdapter, bound: LockTerms, block: Block) -> LockReading:
        return replace(read(self, bound, block), secret=None)

    monkeypatch.setattr(MemoryAdapter, "facts", without_secrets)
    monkeypatch.setattr(MemoryAdapter, "read_lock", without_secret)


def shown(session: Session) -> bool:
    """Whether the withdrawal's secret is known."""
    leg = session.legs.get(role=Role.DESTINATION).id
    return Watch.objects.get(reference=leg).preimage is not None


def test_a_withdrawal_whose_secret_no_node_told_is_sought_until_one_tells(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing named the lock to be read before its timelock; a person is called meanwhile."""
    session, secret = until_both_are_locked(world)
    hide_secrets(monkeypatch)
    with monkeypatch.context() as nobody_tells:
        nobody_tells.setattr(MemoryAdapter, "shown_secret", lambda *_: None)
        world.send_as(MAKER, Call.WITHDRAW, terms(session, Role.DESTINATION), secret)
        world.live(60)
        assert status(session) is Status.REFUNDING
        assert reload(session).attention == "preimage_unknown"
        assert not shown(session)
    world.live(2)
    assert shown(session)
    world.live_to_the_end(session)
    assert status(session) is Status.COMPLETED
    assert reload(session).attention == ""
    assert world.both_on_chain(session) == BOTH_WITHDRAWN
