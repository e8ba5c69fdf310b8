"""Lock mode `gasless`: the maker signs, we submit; what fails costs us nothing, or little."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from auctions_app.routes import LockMode, LockModeError, SecretMode
from auctions_app.services import create_quote
from chains_app.adapters.interface import ChainUnavailableError
from chains_app.adapters.memory import MemoryAdapter, memory_key
from chains_app.adapters.memory_chain import FEE
from chains_app.adapters.memory_contract import order_signature
from chains_app.locks import Call, LockState
from chains_app.models import Attempt, Intent, IntentStatus
from chains_app.orders import Order, SignedOrder
from chains_app.ports import Moment
from chains_app.registry import get_adapter
from orchestrator.kernel.clock import Seconds
from orchestrator.kernel.errors import UnavailableError
from orchestrator.kernel.hashlock import HashFunction, Secret
from sessions_app import services
from sessions_app.domain.states import Status
from sessions_app.explaining import explain_verdicts
from sessions_app.gasless import OrderRefusedError, order_of, order_to_sign
from sessions_app.guard import judge
from sessions_app.models import Role, Session
from sessions_app.selectors import wallet_transactions
from tests.integration.sessions.test_swaps import SWAPPED
from tests.integration.sessions.tokens import (
    TOKEN,
    create,
    holdings,
    lock_source,
    sign,
    start,
    start_gasless,
)
from tests.integration.sessions.world import (
    MAKER,
    START,
    STRANGER,
    World,
    path,
    reload,
    status,
    terms,
)

THERE = "base:USDC->near:USDC"
OWN_SECRET = Secret(bytes(range(32)))


@pytest.fixture
def prepared(tokens: World) -> Session:
    """A gasless session of a maker who has approved the contract, and not signed yet."""
    session = create(tokens, THERE, mode=LockMode.GASLESS)
    tokens.send_as(MAKER, Call.APPROVE, terms(session, Role.SOURCE))
    tokens.block(1, "base")
    return session


def submit(world: World, account: str, signed: SignedOrder) -> None:
    """By anybody who has the order and its signature."""
    lock, key = signed.order.terms, memory_key(account)
    adapter = get_adapter(lock.chain)
    ready = adapter.prepare(Call.LOCK_FOR, lock, key)
    sent = adapter.sign(Call.LOCK_FOR, lock, ready, key, ready.nonce_floor, None, signed)
    adapter.broadcast(sent.raw)


def submissions() -> list[Attempt]:
    return list(Attempt.objects.filter(intent__call=Call.LOCK_FOR.value))


@pytest.mark.parametrize("route", [THERE, "base:USDC->near:COIN"])
def test_a_signed_order_is_all_that_the_maker_gives(tokens: World, route: str) -> None:
    before, coins = holdings(tokens), tokens.balances(MAKER)
    session = start_gasless(tokens, route)
    tokens.live(24)
    assert path(session) == SWAPPED
    source, destination = terms(session, Role.SOURCE), terms(session, Role.DESTINATION)
    assert holdings(tokens)[MAKER, "base"] == before[MAKER, "base"] - source.amount
    assert coins[MAKER, "base"] - tokens.balances(MAKER)[MAKER, "base"] == FEE  # its approval
    if destination.token is not None:
        assert holdings(tokens)[MAKER, "near"] == before[MAKER, "near"] + destination.amount
    assert [attempt.signer.role for attempt in submissions()] == ["duty"]


def test_with_the_makers_own_secret(tokens: World) -> None:
    hashlock = HashFunction.SHA256.digest(OWN_SECRET.reveal())
    session = start_gasless(tokens, THERE, secret_mode=SecretMode.MAKER, hashlock=hashlock)
    tokens.live_until(Status.BOTH_LOCKED, session)
    tokens.post(session, OWN_SECRET)
    tokens.live(12)
    assert path(session) == SWAPPED


def test_the_order_says_what_was_quoted(prepared: Session) -> None:
    order = order_of(prepared)
    assert order == Order(
        terms=terms(prepared, Role.SOURCE),
        destination_chain="memory:near",
        destination_token=TOKEN,
        receiver=MAKER,
        minimum_amount=prepared.least_payout,
        fee=prepared.quote.submission_fee,
    )
    assert order_to_sign(prepared) == {"order": order.to_json()}
    assert 0 < order.fee < order.terms.amount
    assert prepared.least_payout == prepared.quote.end_amount


def test_deadlines_are_fixed_with_the_session_as_if_the_fill_were_the_last_instant(
    tokens: World, prepared: Session
) -> None:
    policy, deadlines = prepared.timelock_policy, prepared.fixed_deadlines
    assert deadlines is not None
    last = int(prepared.expires_at.timestamp()) + prepared.quote.curve.duration
    assert deadlines.accept_by == last + policy.time_to_lock
    tokens.execute(prepared, sign(prepared))
    assert reload(prepared).fixed_deadlines == deadlines
    assert terms(prepared, Role.SOURCE) == order_of(prepared).terms
    tiers = {leg.role: leg.tier for leg in prepared.legs.all()}
    assert tiers == {"source": "head+1", "destination": "final"}


def test_a_head_ahead_of_the_last_instant_fills_nothing(tokens: World, prepared: Session) -> None:
    for chain in tokens.chains.values():
        chain.mine(seconds=60)
    tokens.poll()
    tokens.execute(prepared, sign(prepared))
    assert status(prepared) is Status.EXECUTING
    assert list(prepared.legs.values_list("role", flat=True)) == ["source"]
    tokens.pass_time(100)
    tokens.work()
    assert path(prepared) == ["initialized", "executing", "cancelled"]
    assert submissions() == []


def anothers(session: Session) -> bytes:
    other = replace(order_of(session), minimum_amount=1)
    return order_signature(other, MAKER)


Signed = Callable[[Session], bytes | None]
REFUSED: dict[str, tuple[Signed, str]] = {
    "no signature": (lambda session: None, "missing: sign the typed data"),
    "a stranger's": (lambda session: sign(session, STRANGER), "not signed by the depositor"),
    "another order's": (anothers, "not signed by the depositor"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_an_order_that_is_not_the_makers_is_refused(
    tokens: World, prepared: Session, case: str
) -> None:
    signature, said = REFUSED[case]
    before = holdings(tokens), tokens.balances(MAKER, "lock", "duty")
    with pytest.raises(OrderRefusedError, match=said):
        tokens.execute(prepared, signature(prepared))
    tokens.live(3)
    assert path(prepared) == ["initialized"]
    assert (holdings(tokens), tokens.balances(MAKER, "lock", "duty")) == before
    assert submissions() == []


def test_an_order_for_more_than_the_maker_has_is_refused(tokens: World) -> None:
    session = create(tokens, THERE, mode=LockMode.GASLESS)
    with pytest.raises(OrderRefusedError, match="no allowance"):
        tokens.execute(session, sign(session))
    tokens.chains["base"].fund(MAKER, -(10**15), TOKEN)
    with pytest.raises(OrderRefusedError, match="no funds"):
        tokens.execute(session, sign(session))
    assert path(session) == ["initialized"]


def test_a_session_that_was_not_executed_in_time_takes_no_order(
    tokens: World, prepared: Session
) -> None:
    signature = sign(prepared)
    tokens.pass_time(40)
    with pytest.raises(services.SessionEndedError):
        tokens.execute(prepared, signature)


def test_a_wallets_session_takes_no_signature(tokens: World) -> None:
    session = create(tokens, THERE)
    with pytest.raises(OrderRefusedError, match="your wallet makes the lock"):
        tokens.execute(session, b"signed")
    assert order_to_sign(session) is None


def test_native_coins_take_no_orders(tokens: World) -> None:
    with pytest.raises(LockModeError, match="give wallet"):
        create_quote(
            client_id=tokens.client.id, route_id="near:USDC->base:USDC", amount=10**9,
            now=Seconds(START), lock_mode=LockMode.GASLESS,
        )  # fmt: skip


def test_a_silent_chain_is_asked_again(
    tokens: World, prepared: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: object) -> str:
        raise ChainUnavailableError("base: no node answers")

    monkeypatch.setattr(MemoryAdapter, "order_problem", silent)
    with pytest.raises(UnavailableError, match="base does not answer: try again"):
        tokens.execute(prepared, sign(prepared))


def test_nothing_is_asked_of_the_makers_wallet(tokens: World) -> None:
    session = start_gasless(tokens, THERE)
    assert status(session) is Status.SOURCE_LOCKING
    assert wallet_transactions(session) == []


def test_an_order_that_somebody_else_submitted_is_a_success(
    tokens: World, prepared: Session
) -> None:
    submit(tokens, STRANGER, SignedOrder(order_of(prepared), sign(prepared)))
    tokens.block(1, "base")
    tokens.execute(prepared, sign(prepared))
    tokens.live(24)
    assert path(prepared) == SWAPPED
    assert submissions() == []


def test_a_stranger_who_is_faster_costs_us_nothing(tokens: World, prepared: Session) -> None:
    tokens.execute(prepared, sign(prepared))
    submit(tokens, STRANGER, SignedOrder(order_of(prepared), sign(prepared)))
    tokens.live(24)
    assert path(prepared) == SWAPPED
    assert submissions() == []


def test_the_makers_own_wallet_may_make_the_lock_as_well(tokens: World, prepared: Session) -> None:
    tokens.execute(prepared, sign(prepared))
    tokens.send_as(MAKER, Call.LOCK, terms(prepared, Role.SOURCE))
    tokens.live(24)
    assert path(prepared) == SWAPPED


def test_an_order_replayed_after_its_end_moves_nothing(tokens: World) -> None:
    session = start_gasless(tokens, THERE)
    tokens.live(24)
    before = holdings(tokens)
    submit(tokens, STRANGER, SignedOrder(order_of(session), sign(session)))
    tokens.live(3)
    assert holdings(tokens) == before
    assert path(session) == SWAPPED


def test_rule_5_an_order_whose_maker_left_is_not_signed(tokens: World, prepared: Session) -> None:
    tokens.execute(prepared, sign(prepared))
    tokens.chains["base"].fund(MAKER, -(10**15), TOKEN)
    tokens.live(6)
    assert submissions() == []
    intent = Intent.objects.get(call=Call.LOCK_FOR.value)
    assert intent.refusal is not None
    assert intent.refusal["reason"] == "base would refuse it now: no funds"
    tokens.live(90, step=3)
    assert path(prepared)[-2:] == ["source_locking", "cancelled"]
    assert Intent.objects.get(pk=intent.pk).status == IntentStatus.VOID


def test_rule_4_a_lock_of_an_order_that_was_never_filled_goes_back(
    tokens: World, prepared: Session
) -> None:
    before = holdings(tokens)
    services.cancel_session(client=tokens.client, session_id=prepared.id)
    submit(tokens, STRANGER, SignedOrder(order_of(prepared), sign(prepared)))
    tokens.live(8)
    assert path(prepared) == ["initialized", "cancelled"]
    assert tokens.on_chain(prepared, Role.SOURCE) is LockState.REFUNDED
    assert holdings(tokens) == before


def test_a_late_order_is_refused_and_given_back(tokens: World, prepared: Session) -> None:
    """Submitted by a stranger between `accept_by` and `lock_by`, while we kept still."""
    before = holdings(tokens)
    tokens.execute(prepared, sign(prepared))
    deadlines = prepared.fixed_deadlines
    assert deadlines is not None
    tokens.block(int(deadlines.accept_by - tokens.clock.now))
    submit(tokens, STRANGER, SignedOrder(order_of(prepared), sign(prepared)))
    tokens.live(12)
    assert path(prepared)[-3:] == ["failed", "refunding", "refunded"]
    assert holdings(tokens) == before


def test_rule_5_a_reorganised_submission_is_made_again(tokens: World) -> None:
    session = start_gasless(tokens, THERE)
    while tokens.on_chain(session, Role.SOURCE) is LockState.ABSENT:
        tokens.live(1)
    sent = {attempt.hash for attempt in submissions()}
    tokens.chains["base"].reorganise(1, dropped=sent)
    tokens.live(30)
    assert path(session)[-1] == "completed"


def test_a_wallet_session_is_never_submitted_for(tokens: World) -> None:
    session = start(tokens, THERE)
    lock_source(tokens, session)
    tokens.live(24)
    assert path(session) == SWAPPED
    assert submissions() == []


def test_an_order_for_other_terms_makes_no_lock(tokens: World, prepared: Session) -> None:
    lock, key = terms(prepared, Role.SOURCE), memory_key("duty")
    other = replace(order_of(prepared), terms=replace(lock, amount=1))
    signed = SignedOrder(other, order_signature(other, MAKER))
    adapter = get_adapter("base")
    ready = adapter.prepare(Call.LOCK_FOR, lock, key)
    adapter.broadcast(adapter.sign(Call.LOCK_FOR, lock, ready, key, 0, order=signed).raw)
    tokens.block(1, "base")
    assert tokens.on_chain(prepared, Role.SOURCE) is LockState.ABSENT


def test_a_vanished_lock_is_made_again_behind_ours(tokens: World) -> None:
    """By the order that we hold, though a stranger had submitted it."""
    prepared = create(tokens, "base:USDC->near:COIN", mode=LockMode.GASLESS)
    tokens.send_as(MAKER, Call.APPROVE, terms(prepared, Role.SOURCE))
    tokens.block(1, "base")
    order = SignedOrder(order_of(prepared), sign(prepared))
    tokens.execute(prepared, order.signature)
    submit(tokens, STRANGER, order)
    tokens.live_until(Status.DESTINATION_LOCKING, prepared)
    tokens.send()
    base = tokens.chains["base"]
    gone = {sent.hash for mined in base.between(0, base.head.height) for sent in mined.transactions}
    base.reorganise(2, dropped=gone)
    tokens.poll()
    tokens.sweep()
    assert reload(prepared).attention == "source_lock_vanished"
    tokens.live(30)
    assert [attempt.signer.role for attempt in submissions()] == ["duty"]
    assert path(prepared)[-1] == "completed"


def test_rule_11_no_order_is_submitted_while_a_chain_stands_still(
    tokens: World, prepared: Session
) -> None:
    tokens.execute(prepared, sign(prepared))
    tokens.trust_heads_for(5)
    tokens.read_heads(seconds_ago=6)
    tokens.sweep()
    leg = prepared.legs.get(role=Role.SOURCE)
    assert not judge(Call.LOCK_FOR, leg.id, Moment.SIGN).ok
    tokens.read_heads(seconds_ago=4)
    assert judge(Call.LOCK_FOR, leg.id, Moment.SIGN).ok


def test_staff_are_told_why_a_lock_that_was_never_filled_goes_back(
    tokens: World, prepared: Session
) -> None:
    services.cancel_session(client=tokens.client, session_id=prepared.id)
    submit(tokens, STRANGER, SignedOrder(order_of(prepared), sign(prepared)))
    tokens.live(8)
    said = "\n".join(explain_verdicts(reload(prepared)))
    assert "refund_early of the source leg" in said
    assert "destination lock" not in said
