"""The in-memory chain's faults, and that no sequence of calls makes or loses money."""

import hashlib
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chains_app.adapters.interface import ChainUnavailableError, Stage, TransactionRefusedError
from chains_app.adapters.memory import MemoryAdapter, memory_key
from chains_app.adapters.memory_chain import FEE, MemoryChain, Transaction
from chains_app.adapters.memory_contract import lock_id
from chains_app.locks import Call, LockState, LockTerms
from orchestrator.kernel.clock import Seconds
from orchestrator.kernel.errors import InvalidInputError
from orchestrator.kernel.hashlock import Secret

SECRET = Secret(bytes(range(32)))
PARTIES = ("maker", "lock", "duty")
FUNDS = 100_000
TIER = "finalized"


@pytest.fixture
def chain() -> MemoryChain:
    return funded()


def funded() -> MemoryChain:
    made = MemoryChain("base")
    for name in PARTIES:
        made.fund(name, FUNDS)
    return made


def terms(chain: MemoryChain) -> LockTerms:
    now, hashlock = chain.head.time, hashlib.sha256(SECRET.reveal()).digest()
    lock_by, timelock = Seconds(now + 10), Seconds(now + 20)
    return LockTerms(
        "base", chain.contract, "lock", "maker", None, 1_000, hashlock, lock_by, timelock
    )


def send(chain: MemoryChain, call: Call, bound: LockTerms, name: str = "lock") -> str:
    key, adapter = memory_key(name), MemoryAdapter(chain)
    prepared = adapter.prepare(call, bound, key)
    secret = SECRET if call is Call.WITHDRAW else None
    signed = adapter.sign(call, bound, prepared, key, prepared.nonce_floor, secret)
    adapter.broadcast(signed.raw)
    return signed.hash


def stage(chain: MemoryChain, hash_: str) -> Stage:
    return MemoryAdapter(chain).transaction_status(hash_, "lock", TIER).stage


def test_a_lost_answer_leaves_the_transaction_sent(chain: MemoryChain) -> None:
    chain.loses_answers = True
    with pytest.raises(ChainUnavailableError):
        send(chain, Call.LOCK, terms(chain))
    chain.mine()
    assert lock_id(terms(funded())) in chain.state.locks


def test_a_dropped_send_is_answered_and_never_seen(chain: MemoryChain) -> None:
    chain.drops_sent = True
    sent = send(chain, Call.LOCK, terms(chain))
    chain.mine()
    assert stage(chain, sent) is Stage.UNKNOWN


def test_a_held_transaction_waits_until_it_is_let_go(chain: MemoryChain) -> None:
    sent = send(chain, Call.LOCK, terms(chain))
    chain.held.add(sent)
    chain.mine(3)
    assert stage(chain, sent) is Stage.PENDING
    chain.held.clear()
    chain.mine()
    assert stage(chain, sent) is Stage.INCLUDED


def test_a_forgotten_transaction_is_unknown(chain: MemoryChain) -> None:
    sent = send(chain, Call.LOCK, terms(chain))
    chain.drop(sent)
    chain.mine()
    assert stage(chain, sent) is Stage.UNKNOWN


def test_a_halted_chain_makes_no_block(chain: MemoryChain) -> None:
    head = chain.head
    chain.is_halted = True
    assert chain.mine(5, seconds=100) == head


def test_heights_can_be_skipped(chain: MemoryChain) -> None:
    before = chain.head
    after = chain.mine(skipped_heights=2)
    assert (after.height, after.parent_hash) == (before.height + 3, before.hash)
    assert chain.find(before.height + 1) is None
    assert len(chain.between(before.height, after.height)) == 2


def test_facts_are_read_across_skipped_heights(chain: MemoryChain) -> None:
    start, bound = chain.head.height, terms(chain)
    send(chain, Call.LOCK, bound)
    chain.mine(skipped_heights=3)
    page = MemoryAdapter(chain).facts(start + 1, chain.head.height)
    assert [block.height for block in page.blocks] == [start + 4]
    assert [fact.lock_id for fact in page.facts] == [lock_id(bound)]


def test_a_reorganisation_keeps_times_and_returns_transactions(chain: MemoryChain) -> None:
    sent = send(chain, Call.LOCK, terms(chain))
    old = chain.mine(seconds=5)
    new = chain.reorganise(1)
    assert (new.height, new.time) == (old.height, old.time)
    assert new.hash != old.hash
    assert stage(chain, sent) is Stage.PENDING
    chain.mine()
    assert stage(chain, sent) is Stage.INCLUDED


def test_a_reorganisation_can_take_the_transactions_in_at_once(chain: MemoryChain) -> None:
    sent = send(chain, Call.LOCK, terms(chain))
    chain.mine()
    chain.reorganise(1, empty=False)
    assert stage(chain, sent) is Stage.INCLUDED


def test_final_blocks_are_not_replaced(chain: MemoryChain) -> None:
    chain.mine(5)
    final = chain.final(TIER).block
    with pytest.raises(InvalidInputError, match="can't be replaced"):
        chain.reorganise(3)
    chain.reorganise(2)
    assert chain.find(final.hash) is not None


def test_rule_13_no_repr_shows_a_secret(chain: MemoryChain) -> None:
    adapter, key, bound = MemoryAdapter(chain), memory_key("duty"), terms(chain)
    prepared = adapter.prepare(Call.WITHDRAW, bound, key)
    signed = adapter.sign(Call.WITHDRAW, bound, prepared, key, 0, SECRET)
    adapter.broadcast(signed.raw)
    assert chain.mempool[0].secret == SECRET.reveal()
    shown = f"{signed} {chain.mempool} {key} {prepared}"
    assert SECRET.reveal().hex() not in shown
    assert repr(SECRET.reveal())[2:-1] not in shown


def test_bytes_and_transactions_say_the_same(chain: MemoryChain) -> None:
    sent = Transaction("a", "k", 3, FEE, Call.WITHDRAW, terms(chain), SECRET.reveal(), 7)
    assert Transaction.decode(sent.encode()) == sent


Move = tuple[str, Call | None, str, int, int]
MOVES = st.tuples(
    st.sampled_from(["call", "mine", "jump", "reorganise"]),
    st.sampled_from(list(Call)),
    st.sampled_from(PARTIES),
    st.integers(0, 1),  # which of two locks
    st.integers(1, 2),
)


@given(moves=st.lists(MOVES, max_size=25), refuses=st.booleans())
def test_money_is_conserved_and_a_lock_ends_once(moves: list[Move], refuses: bool) -> None:
    chain = funded()
    chain.refusing = {"maker"} if refuses else set()
    one = terms(chain)
    locks = [one, replace(one, depositor="maker", beneficiary="lock")]
    for kind, call, name, which, number in moves:
        seen = {i: lock.state for i, lock in chain.state.locks.items()}
        if kind == "call" and call is not None:
            with suppress(TransactionRefusedError):  # its nonce waits in the mempool already
                send(chain, call, locks[which], name)
            chain.mine()
        elif kind == "reorganise" and chain.head.height >= 2:
            chain.reorganise(number)
            seen = {}
        else:
            chain.mine(number, seconds=15 if kind == "jump" else 0)
        for identifier, state in seen.items():
            if state is not LockState.OPEN:
                assert chain.state.locks[identifier].state is state
        check_money(chain)


def check_money(chain: MemoryChain) -> None:
    owed = sum(lock.terms.amount for lock in chain.state.locks.values() if not lock.is_paid)
    assert chain.state.balance(chain.contract, None) == owed
    held = sum(chain.state.balances.values())
    fees = sum(t.fee for mined in chain.between(0, chain.head.height) for t in mined.transactions)
    assert held + fees == FUNDS * len(PARTIES)
