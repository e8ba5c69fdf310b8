"""Rule 1 through the services: whatever happens to one swap, both are paid or both get theirs back.

Real database, outbox, poller and vault over two in-memory chains; random events, then working ones.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from auctions_app.routes import SecretMode
from chains_app.adapters.interface import Refusal, TransactionRefusedError
from chains_app.adapters.memory import memory_key
from chains_app.adapters.memory_chain import MemoryChain
from chains_app.locks import Call, LockState, LockTerms
from chains_app.models import Attempt, Watch
from chains_app.orders import SignedOrder
from chains_app.registry import get_adapter
from orchestrator.kernel.errors import InvalidSecretError
from orchestrator.kernel.hashlock import HashFunction, Secret
from sessions_app.models import Role, Session
from sessions_app.services import NotCancellableError, SecretNotTakenError
from tests.integration.sessions.test_crashes import POINTS, death
from tests.integration.sessions.tokens import start, start_gasless, with_tokens
from tests.integration.sessions.world import (
    MAKER,
    STRANGER,
    World,
    memory_world,
    path,
    reload,
    status,
    terms,
)
from tests.wiping import wipe_tables

Event = Callable[[World, Session], None]
OWN_SECRET = Secret(bytes(range(32)))  # of a maker in mode `maker`


def cancel(world: World, session: Session) -> None:
    try:
        world.cancel(session)
    except NotCancellableError:
        assert status(session).value not in {"initialized", "executing", "source_locking"}


def shown_secret() -> Secret | None:
    shown = Watch.objects.exclude(preimage=None).values_list("preimage", flat=True).first()
    return None if shown is None else Secret(bytes(shown))


def send(world: World, account: str, call: Call, role: Role, session: Session) -> None:
    """By a wallet that is not ours; what the contract refuses costs its sender a fee."""
    secret = shown_secret()
    if call is not Call.WITHDRAW or secret is not None:
        send_from_wallet(world, account, call, terms(session, role), secret)


def send_from_wallet(
    world: World, account: str, call: Call, lock: LockTerms, secret: Secret | None
) -> None:
    """What waits already under the wallet's nonce stays, as long as nobody pays more for it."""
    try:
        world.send_as(account, call, lock, secret)
    except TransactionRefusedError as refused:
        if refused.reason is not Refusal.UNDERPRICED:
            raise


def maker_locks(world: World, session: Session) -> None:
    """With what a token's lock needs before it, each in a block of its own."""
    lock, chain = terms(session, Role.SOURCE), chain_of(world, Role.SOURCE, session)
    for call in chain.token_of(lock).preliminaries:
        if get_adapter(chain.name).preliminary(Call.LOCK, lock, MAKER) is call:
            send_from_wallet(world, MAKER, call, lock, None)
            world.block(1, chain.name)
    send_from_wallet(world, MAKER, Call.LOCK, lock, None)


def stranger_submits(world: World, session: Session) -> None:
    """The maker's order, where there is one that was signed."""
    order, lock = reload(session).order, terms(session, Role.SOURCE)
    if order is not None:
        submit_order(STRANGER, order, lock)


def submit_order(account: str, order: SignedOrder, lock: LockTerms) -> None:
    adapter, key = get_adapter(lock.chain), memory_key(account)
    prepared = adapter.prepare(Call.LOCK_FOR, lock, key)
    nonce = prepared.nonce_floor
    with suppress(TransactionRefusedError):  # another of the stranger's waits under this nonce
        adapter.broadcast(adapter.sign(Call.LOCK_FOR, lock, prepared, key, nonce, order=order).raw)


def refuse_orders(world: World, session: Session) -> None:
    """One second in which the contract takes none, whatever its simulation said."""
    chain = chain_of(world, Role.SOURCE, session)
    chain.refused_calls.add(Call.LOCK_FOR)
    world.live(1)
    chain.refused_calls.discard(Call.LOCK_FOR)


def chain_of(world: World, role: Role, session: Session) -> MemoryChain:
    return world.chains[terms(session, role).chain]


def dies(point: str, turn: int) -> Event:
    def event_(world: World, session: Session) -> None:
        with death(point, turn):
            world.live_or_die()

    return event_


def posts(world: World, session: Session, secret: Secret) -> None:
    """The maker, to us: at any time, right or wrong."""
    with suppress(InvalidSecretError, SecretNotTakenError):
        world.post(session, secret)


def withdraws(world: World, session: Session) -> None:
    """The maker, on chain: with the own secret, or with one that was shown."""
    secret = OWN_SECRET if session.secret_mode == SecretMode.MAKER.value else shown_secret()
    if secret is not None:
        send_from_wallet(world, MAKER, Call.WITHDRAW, terms(session, Role.DESTINATION), secret)


EVENTS: dict[str, Event] = {
    "all is well": lambda w, s: w.live(1),
    "slow block": lambda w, s: w.live(6, step=6),
    "blocks without us": lambda w, s: w.block(2),
    "no block": lambda w, s: w.pass_time(3),
    "source block": lambda w, s: w.block(1, chain_of(w, Role.SOURCE, s).name),
    "destination block": lambda w, s: w.block(1, chain_of(w, Role.DESTINATION, s).name),
    "poller": lambda w, s: w.poll(),
    "sweep": lambda w, s: w.sweep(),
    "outbox": lambda w, s: w.send(),
    "maker locks": maker_locks,
    "stranger submits the order": stranger_submits,
    "orders are refused": refuse_orders,
    "maker cancels": cancel,
    "maker posts the secret": lambda w, s: posts(w, s, OWN_SECRET),
    "maker posts a wrong secret": lambda w, s: posts(w, s, Secret(b"?" * 32)),
    "maker withdraws": withdraws,
    "maker gives back": lambda w, s: send(w, MAKER, Call.REFUND_EARLY, Role.DESTINATION, s),
    "stranger withdraws the source": lambda w, s: send(w, STRANGER, Call.WITHDRAW, Role.SOURCE, s),
    "stranger refunds the source": lambda w, s: send(w, STRANGER, Call.REFUND, Role.SOURCE, s),
    "stranger refunds ours": lambda w, s: send(w, STRANGER, Call.REFUND, Role.DESTINATION, s),
    "source reorganises": lambda w, s: reorganise(w, Role.SOURCE, s),
    "destination reorganises": lambda w, s: reorganise(w, Role.DESTINATION, s),
    "nobody can pay the maker": lambda w, s: chain_of(w, Role.DESTINATION, s).refusing.add(MAKER),
    "answers are lost": lambda w, s: fault(w, "loses_answers"),
    "sent bytes are lost": lambda w, s: fault(w, "drops_sent"),
    "no node answers": lambda w, s: fault(w, "is_unreachable"),
    **{f"dies when {point}": dies(point, 1) for point in POINTS},
}
OFTEN = (
    ["all is well"] * 4
    + ["maker posts the secret"] * 2
    + ["maker cancels", "slow block", "nobody can pay the maker"]
)


def reorganise(world: World, role: Role, session: Session) -> None:
    """As deep as the leg's tier allows."""
    leg = session.legs.get(role=role)
    chain = world.chains[leg.lock_terms.chain]
    chain.reorganise(chain.tiers[leg.tier])


def fault(world: World, name: str) -> None:
    """One second in which both chains' nodes fail in this way."""
    for chain in world.chains.values():
        setattr(chain, name, True)
    world.live(1)
    for chain in world.chains.values():
        setattr(chain, name, False)


def assert_atomic(world: World, session: Session) -> None:
    source, destination = world.both_on_chain(session)
    end = path(session)[-1]
    event(f"ends {end}")
    if end == "completed":
        assert (source, destination) == (LockState.WITHDRAWN, LockState.WITHDRAWN)
    elif end == "refunded":
        assert {source, destination} <= {LockState.REFUNDED, LockState.ABSENT}
        assert LockState.REFUNDED in {source, destination}
    else:
        assert (end, source, destination) == ("cancelled", LockState.ABSENT, LockState.ABSENT)


def assert_no_secret_left_early() -> None:
    """Rule 3: what carried it first left in `revealing_secret`, agreed to with both legs final, or
    with the secret on a chain already.
    """
    left = Attempt.objects.filter(intent__call=Call.WITHDRAW.value, left_at__isnull=False)
    first = left.order_by("left_at").first()
    if first is not None and first.send_verdict is not None:
        facts = first.send_verdict["inputs"]["facts"]
        assert facts["status"] == "revealing_secret"
        finals = facts["source"]["final"], facts["destination"]["final"]
        assert finals == ("open", "open") or facts["secret_is_shown"]


@dataclass(frozen=True)
class Life:
    """What happens to a swap until all is well: `first` before the maker locks, `then` after it."""

    own_secret: bool  # mode `maker`
    assets: str  # "coins", "tokens", or "gasless": tokens by the maker's order, where one is taken
    wait: int
    first: list[str]
    calm: int
    then: list[str]


names = st.lists(st.sampled_from(sorted(EVENTS) + OFTEN), max_size=8)
life = st.builds(
    Life,
    own_secret=st.booleans(),
    assets=st.sampled_from(["coins", "tokens", "gasless"]),
    wait=st.sampled_from([0, 0, 0, 9, 18, 24]),
    first=names,
    calm=st.integers(0, 8),
    then=names,
)


def every_life(test: Callable[..., None]) -> Callable[..., None]:
    """100 lives, the same each time; one file for each direction, so that both can run at once."""
    lost = Life(
        own_secret=False,
        assets="coins",
        wait=0,
        first=["source reorganises"],
        calm=5,
        then=["sent bytes are lost", "sent bytes are lost", "maker cancels"],
    )
    limits = settings(
        max_examples=100,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    return limits(given(life=life)(example(life=lost)(test)))


def assets(world: World, life: Life) -> AbstractContextManager[World]:
    """The world, with tokens where the life is about one."""
    return nullcontext(world) if life.assets == "coins" else with_tokens(world)


def begin(world: World, route: str, life: Life) -> Session:
    """A session that waits for its source lock."""
    own: dict[str, Any] = {}
    if life.own_secret:
        own["secret_mode"] = SecretMode.MAKER
        own["hashlock"] = HashFunction.SHA256.digest(OWN_SECRET.reveal())
    if life.assets == "coins":
        return world.start(route, **own)
    of_tokens = route.replace("COIN", "USDC")
    takes_orders = of_tokens.startswith("base")
    if life.assets == "gasless" and takes_orders:
        return start_gasless(world, of_tokens, **own)
    return start(world, of_tokens, **own)


def live(route: str, life: Life) -> None:
    wipe_tables()
    with memory_world() as coins, assets(coins, life) as world:
        session = begin(world, route, life)
        for name in life.first:
            EVENTS[name](world, session)
        world.live(life.wait, step=3)
        EVENTS["maker locks"](world, session)
        world.live(life.calm)
        for name in life.then:
            EVENTS[name](world, session)
        world.live_to_the_end(session)
        assert_atomic(world, session)
        assert_no_secret_left_early()
