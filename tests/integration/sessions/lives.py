"""Rule 1 through the services: whatever happens to one swap, both are paid or both get theirs back.

Real database, outbox, poller and vault over two in-memory chains; random events, then working ones.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from auctions_app.routes import SecretMode
from chains_app.adapters.interface import Refusal, TransactionRefusedError
from chains_app.adapters.memory import memory_key
from chains_app.adapters.memory_chain import MemoryChain
from chains_app.locks import Call, LockState, LockTerms
from chains_app.models import Attempt, Intent, Watch
from chains_app.orders import SignedOrder
from chains_app.registry import get_adapter
from orchestrator.kernel.clock import Seconds
from orchestrator.kernel.errors import InvalidSecretError
from orchestrator.kernel.hashlock import HashFunction, Secret
from sessions_app.models import Role, Session
from sessions_app.services import NotCancellableError, SecretNotTakenError
from tests.integration.chains.world import assert_all_spending_is_counted
from tests.integration.sessions.ends import (
    LITTLE,
    assert_atomic,
    assert_every_surplus_went_back,
    assert_never_locked,
    assert_no_secret_left_early,
    assert_nothing_is_held,
    balances,
    live_to_the_end,
    surplus_locks,
    unexplained,
)
from tests.integration.sessions.test_crashes import POINTS, death
from tests.integration.sessions.tokens import TOKEN, start, start_gasless, with_tokens
from tests.integration.sessions.world import (
    MAKER,
    RICH,
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
LATECOMER = "latecomer"


@contextmanager
def refusal(world: World, session: Session, *errors: type[Exception]) -> Iterator[None]:
    """What is refused with one of `errors` moves nothing."""
    before = all_that_moves(world, session)
    try:
        yield
    except errors:
        assert all_that_moves(world, session) == before


def all_that_moves(world: World, session: Session) -> list[object]:
    chains = [(chain.head, list(chain.mempool)) for chain in world.chains.values()]
    writes = Intent.objects.order_by("pk").values_list("pk", "status", "version")
    attempts = Attempt.objects.order_by("pk").values_list("pk", "status")
    return [path(session), reload(session).secret_id, chains, list(writes), list(attempts)]


def cancel(world: World, session: Session) -> None:
    before = status(session).value
    with refusal(world, session, NotCancellableError):
        world.cancel(session)
        return
    assert before not in {"initialized", "executing", "source_locking"}


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
    locks(world, terms(session, Role.SOURCE))


def locks(world: World, lock: LockTerms) -> None:
    """With what a token's lock needs before it, each in a block of its own."""
    chain, account = world.chains[lock.chain], lock.depositor
    for call in chain.token_of(lock).preliminaries:
        if get_adapter(chain.name).preliminary(Call.LOCK, lock, account) is call:
            send_from_wallet(world, account, call, lock, None)
            world.block(1, chain.name)
    send_from_wallet(world, account, Call.LOCK, lock, None)


def maker_locks_otherwise(world: World, session: Session) -> None:
    """Before the agreed lock it takes its place for ever; after it the contract refuses it."""
    source = terms(session, Role.SOURCE)
    locks(world, replace(source, amount=source.amount + 1))


def maker_locks_where_we_pay(world: World, session: Session) -> None:
    """For us, under the same hashlock, and less than its refund is worth."""
    ours = terms(session, Role.DESTINATION)
    locks(world, replace(ours, depositor=MAKER, beneficiary=ours.depositor, amount=LITTLE))


def stranger_locks_too(world: World, session: Session) -> None:
    locks(world, replace(terms(session, Role.SOURCE), depositor=STRANGER))


def stranger_locks_late(world: World, session: Session) -> None:
    """At any time: with instants of its own."""
    now = int(world.clock.now)
    lock = replace(
        terms(session, Role.SOURCE),
        depositor=LATECOMER, lock_by=Seconds(now + 600), timelock=Seconds(now + 1200),
    )  # fmt: skip
    locks(world, lock)


def surplus_is_withdrawn(world: World, session: Session) -> None:
    """To us, by a stranger, as soon as anybody but us may know the secret."""
    secret = known_secret(session)
    found = [lock.terms for _, lock in surplus_locks(world, session)
             if lock.state is LockState.OPEN]  # fmt: skip
    if secret is not None and found:
        send_from_wallet(world, STRANGER, Call.WITHDRAW, found[0], secret)


def known_secret(session: Session) -> Secret | None:
    """To the maker: the own one, or one that was shown."""
    return OWN_SECRET if session.secret_mode == SecretMode.MAKER.value else shown_secret()


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
    with refusal(world, session, InvalidSecretError, SecretNotTakenError):
        world.post(session, secret)


def withdraws(world: World, session: Session, role: Role) -> None:
    """The maker, on chain: to himself, or (against himself) to us."""
    secret = known_secret(session)
    if secret is not None:
        send_from_wallet(world, MAKER, Call.WITHDRAW, terms(session, role), secret)


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
    "maker withdraws": lambda w, s: withdraws(w, s, Role.DESTINATION),
    "maker withdraws the source": lambda w, s: withdraws(w, s, Role.SOURCE),
    "maker locks otherwise": maker_locks_otherwise,
    "maker locks where we pay": maker_locks_where_we_pay,
    "stranger locks too": stranger_locks_too,
    "stranger locks late": stranger_locks_late,
    "surplus is withdrawn": surplus_is_withdrawn,
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
    ["all is well"] * 12
    + ["maker posts the secret"] * 4
    + ["stranger locks too", "surplus is withdrawn"] * 2
    + ["slow block", "nobody can pay the maker"]
)
LATE = ["stranger locks late", "surplus is withdrawn", "all is well", "sent bytes are lost"]


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


@dataclass(frozen=True)
class Life:
    """What happens to a swap until all is well: `first` before the maker locks, `then` after it,
    `late` when it has ended.
    """

    own_secret: bool  # mode `maker`
    pair: tuple[str, str] = ("COIN", "COIN")  # what the source is in, and the destination
    lock: str = "wallet"  # or "gasless": by the maker's order, where one is taken; or "never"
    wait: int = 0
    first: tuple[str, ...] = ()
    calm: int = 0
    then: tuple[str, ...] = ()
    late: tuple[str, ...] = ()


asset = st.sampled_from(["COIN", "USDC"])
names = st.sampled_from(OFTEN + sorted(EVENTS))
life = st.builds(
    Life,
    own_secret=st.booleans(),
    pair=st.tuples(asset, asset),
    lock=st.sampled_from(["wallet"] * 6 + ["gasless"] * 4 + ["never"]),
    wait=st.sampled_from([0] * 6 + [9, 18, 24]),
    first=st.lists(names, max_size=4).map(tuple),
    calm=st.integers(0, 8),
    then=st.lists(names, max_size=8).map(tuple),
    late=st.lists(st.sampled_from(LATE), max_size=3).map(tuple),
)
# What chance rarely brings together.
TOLD = (
    Life(
        own_secret=False, first=("source reorganises",), calm=5,
        then=("sent bytes are lost", "sent bytes are lost", "maker cancels"),
    ),
    Life(
        own_secret=True, pair=("COIN", "USDC"), first=("stranger locks too", "source block"),
        then=("surplus is withdrawn", "maker locks where we pay", "all is well"), calm=8,
    ),
    Life(own_secret=True, pair=("USDC", "COIN"), calm=1, then=("maker withdraws the source",)),
    Life(own_secret=True, lock="never", first=("maker locks otherwise",)),
    Life(
        own_secret=False, pair=("USDC", "USDC"), lock="gasless", calm=8,
        late=("stranger locks late", "all is well", "surplus is withdrawn"),
    ),
)  # fmt: skip


def every_life(test: Callable[..., None]) -> Callable[..., None]:
    """100 lives, the same each time; one file for each direction, so that both can run at once."""
    limits = settings(
        max_examples=100 - len(TOLD),
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    for told in TOLD:
        test = example(life=told)(test)
    return limits(given(life=life)(test))


def assets(world: World, life: Life) -> AbstractContextManager[World]:
    """The world, with tokens where the life is about one; strangers are as rich as the maker."""
    for chain in world.chains.values():
        chain.fund(LATECOMER, RICH[chain.name])
        for account in (STRANGER, LATECOMER):
            chain.fund(account, 10**15, TOKEN)
    return with_tokens(world) if "USDC" in life.pair else nullcontext(world)


def begin(world: World, route: str, life: Life) -> Session:
    """A session that waits for its source lock."""
    own: dict[str, Any] = {}
    if life.own_secret:
        own["secret_mode"] = SecretMode.MAKER
        own["hashlock"] = HashFunction.SHA256.digest(OWN_SECRET.reveal())
    if "USDC" not in life.pair:
        return world.start(route, **own)
    chains = [side.split(":")[0] for side in route.split("->")]
    source, destination = map(":".join, zip(chains, life.pair, strict=True))
    takes_orders = source == "base:USDC"
    make = start_gasless if life.lock == "gasless" and takes_orders else start
    return make(world, f"{source}->{destination}", **own)


def happens(world: World, session: Session, life: Life, names: tuple[str, ...]) -> None:
    """But the lock of a maker who makes none."""
    for name in names:
        if (life.lock, name) != ("never", "maker locks"):
            EVENTS[name](world, session)


def live(route: str, life: Life) -> None:
    wipe_tables()
    with memory_world() as coins, assets(coins, life) as world:
        world.sweeps_surplus = True
        before = balances(world)
        session = begin(world, route, life)
        happens(world, session, life, life.first)
        world.live(life.wait, step=3)
        happens(world, session, life, ("maker locks",))
        world.live(life.calm)
        happens(world, session, life, life.then)
        live_to_the_end(world, session, before)
        if life.late:
            happens(world, session, life, life.late)
            live_to_the_end(world, session, before)
        assert_atomic(world, session)
        assert_no_secret_left_early()
        assert_nothing_is_held()
        assert_all_spending_is_counted()
        assert_every_surplus_went_back(world, session)
        assert not unexplained(world, session, before)
        if life.lock == "never":
            assert_never_locked(session)
