"""What the adapters tell of nodes that hang, lag and lie, of lost sends, and of spikes."""

import re

import pytest

from chains_app.adapters.interface import (
    BlockUnknownError,
    ChainUnavailableError,
    FeeAboveCapError,
    Refusal,
    Stage,
    TransactionRefusedError,
)
from chains_app.locks import Call, LockState
from devnet.faults import ChainFaults, Failure, Lie
from devnet.faults.kinds import RefuseCalls
from tests.conformance.evm_world import EvmWorld
from tests.conformance.faulty import DEAR, NO_ANSWER, SENDS, stage, unavailable
from tests.conformance.world import World, make, read, signed, succeeded, terms

pytestmark = pytest.mark.parametrize("world", ["evm", "near"], indirect=True)


def test_what_hangs_is_given_up(through: World, faults: ChainFaults) -> None:
    sent = signed(through, Call.LOCK, terms(through), through.lock)
    reads = {"eth_getBalance", "query"}
    with faults.hanging(methods=reads | SENDS) as hang:
        asks = (
            lambda: through.adapter.balance(through.maker.account, None),
            lambda: through.adapter.broadcast(sent.raw),
        )
        for ask in asks:
            assert re.fullmatch(NO_ANSWER, unavailable(ask) or "")
        # a read in two rounds, a send once: any node may be the only one that forwards it
        assert hang.injected == 3 * len(faults.urls)


def test_rule_6_a_send_whose_answer_is_lost_is_found_by_its_hash(
    through: World, faults: ChainFaults
) -> None:
    bound = terms(through)
    sent = signed(through, Call.LOCK, bound, through.lock)
    with faults.failing(Failure.LOST, methods=SENDS) as lost:
        assert re.fullmatch(
            NO_ANSWER, unavailable(lambda: through.adapter.broadcast(sent.raw)) or ""
        )
        through.include()
        assert stage(through, sent) is Stage.INCLUDED
        assert read(through, bound).state is LockState.OPEN
    assert lost.injected == len(faults.urls)  # once at each: the same bytes are one transaction


@pytest.mark.parametrize("swallower", [0, 1])
def test_a_node_that_takes_what_it_is_sent_and_forwards_nothing_keeps_it_from_nobody(
    through: World, faults: ChainFaults, swallower: int
) -> None:
    bound = terms(through)
    sent = signed(through, Call.LOCK, bound, through.lock)
    swallowing = RefuseCalls(said={"result": sent.hash}, methods=frozenset(SENDS))
    with faults.proxies[swallower].injecting(swallowing):
        through.adapter.broadcast(sent.raw)
    through.include()
    assert swallowing.injected == 1
    assert stage(through, sent) is Stage.INCLUDED
    assert read(through, bound).state is LockState.OPEN


def test_rule_6_a_send_that_arrives_late_is_found_late(through: World, faults: ChainFaults) -> None:
    bound = terms(through)
    sent = signed(through, Call.LOCK, bound, through.lock)
    with faults.hanging(methods=SENDS):
        assert unavailable(lambda: through.adapter.broadcast(sent.raw))
        through.include()
        assert stage(through, sent) is Stage.UNKNOWN
    through.include()
    assert stage(through, sent) is Stage.INCLUDED
    assert read(through, bound).state is LockState.OPEN


def test_a_used_nonce_is_no_refusal_while_the_lookup_is_not_answered(
    through: World, faults: ChainFaults
) -> None:
    """The node refuses the second of two equal sends, and nothing tells that the first is there."""
    sent = make(through, Call.LOCK, terms(through))
    lookups = {"eth_getTransactionByHash", "tx"}
    with faults.failing(Failure.HTTP_502, methods=lookups):
        said = unavailable(lambda: through.adapter.broadcast(sent.raw))
    assert said is None or re.fullmatch(NO_ANSWER, said)
    through.adapter.broadcast(sent.raw)


def test_a_lagging_node_shows_the_past_and_denies_what_is_newer(
    through: World, faults: ChainFaults
) -> None:
    world, adapter, bound = through, through.adapter, terms(through)
    world.mine(6)
    past = adapter.head()
    sent = make(world, Call.LOCK, bound)
    world.mine(6)
    head, tier = adapter.head(), list(world.spec.finality)[-1]
    final = adapter.final(tier)
    with faults.stale(head.height - past.height):
        assert adapter.head() == past
        assert adapter.final(tier).height == final.height - (head.height - past.height)
        assert read(world, bound).state is LockState.ABSENT
        assert stage(world, sent) is Stage.UNKNOWN
        for newer in (head.height, head.hash):
            with pytest.raises(BlockUnknownError):
                adapter.block(newer)
        with pytest.raises(BlockUnknownError):
            adapter.read_lock(bound, head)
        with pytest.raises(BlockUnknownError):
            adapter.facts(past.height + 1, head.height)
    assert stage(world, sent) is Stage.FINAL


def test_rule_5_a_transaction_is_unknown_only_when_no_node_knows_it(
    through: World, faults: ChainFaults
) -> None:
    """The node that is asked first lags behind the transaction: the other one knows."""
    sent = make(through, Call.LOCK, terms(through))
    through.mine(6)
    with faults.stale(20, at=0):
        assert stage(through, sent) is Stage.FINAL
        with faults.failing(Failure.HTTP_500, at=1):
            assert stage(through, sent) is Stage.UNKNOWN
    with faults.stale(20, at=1), faults.failing(Failure.HTTP_500, at=0):
        assert stage(through, sent) is Stage.UNKNOWN
    with faults.failing(Failure.HTTP_500):
        assert re.fullmatch(NO_ANSWER, unavailable(lambda: stage(through, sent)) or "")


def test_rule_7_a_false_block_hash_leads_nowhere(through: World, faults: ChainFaults) -> None:
    bound = terms(through)
    make(through, Call.LOCK, bound)
    through.mine(3)
    true = through.adapter.head()
    with faults.lying(Lie.BLOCK):
        false = through.adapter.head()
        assert (false.height, false.hash != true.hash) == (true.height, True)
        with pytest.raises(BlockUnknownError):
            through.adapter.read_lock(bound, false)
        with pytest.raises(ChainUnavailableError, match="reorganised while it was read"):
            through.adapter.facts(true.height - 2, true.height)


def test_rule_5_a_false_end_of_a_transaction_does_not_change_the_lock(
    through: World, faults: ChainFaults
) -> None:
    bound = terms(through)
    sent = make(through, Call.LOCK, bound)
    with faults.lying(Lie.RECEIPT):
        assert succeeded(through, sent, through.lock) is False
        assert read(through, bound).state is LockState.OPEN
    assert succeeded(through, sent, through.lock) is True


def test_a_sudden_spike_refuses_what_was_prepared_before(
    through: World, faults: ChainFaults
) -> None:
    """On EVM; on NEAR nobody signs a price."""
    bound, world = terms(through), through
    before = signed(world, Call.LOCK, bound, world.lock)
    with faults.fee_spike(2 * DEAR[type(faults)]):
        world.mine()
        if isinstance(world, EvmWorld):
            with pytest.raises(TransactionRefusedError) as raised:
                world.adapter.broadcast(before.raw)
            assert raised.value.reason is Refusal.UNDERPRICED
            assert str(raised.value) == "a node refused the transaction: underpriced"
            before = signed(world, Call.LOCK, bound, world.lock)
        world.adapter.broadcast(before.raw)
        world.include()
        assert read(world, bound).state is LockState.OPEN


def test_nothing_is_prepared_above_the_cap(through: World, faults: ChainFaults) -> None:
    """And up to it, what is prepared costs no more than it says."""
    world, bound = through, terms(through)
    with faults.fee_spike(world.spec.max_gas_price + 1):
        world.mine()
        with pytest.raises(FeeAboveCapError, match=r"(wei|yocto) for a unit of gas.*we pay \d+ at"):
            world.adapter.prepare(Call.LOCK, bound, world.lock)
        with pytest.raises(FeeAboveCapError):
            world.adapter.prepare_transfer_to_self(world.lock)
    with faults.fee_spike(world.spec.max_gas_price // 2):
        world.mine()
        prepared = world.adapter.prepare(Call.LOCK, bound, world.lock)
        before = world.adapter.balance(world.lock.account, None)
        make(world, Call.LOCK, bound)
        spent = before - world.adapter.balance(world.lock.account, None)
    assert bound.amount < spent <= prepared.cost_cap


def test_a_stalled_chain_answers_and_keeps_what_is_sent(
    through: World, faults: ChainFaults
) -> None:
    bound = terms(through)
    with faults.stalling():
        head = through.adapter.head()
        sent = signed(through, Call.LOCK, bound, through.lock)
        through.adapter.broadcast(sent.raw)
        waits = Stage.UNKNOWN if through.answers_unchecked else Stage.PENDING
        assert stage(through, sent) is waits
        assert through.adapter.head() == head
    through.include()
    assert stage(through, sent) is Stage.INCLUDED
