"""The service over two in-memory chains: real database, outbox, poller, vault; driven by hand."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.db.models.functions import Now

from auctions_app.config import AuctionConfiguration, RouteConfiguration
from auctions_app.market import build_market, configured_chains, use_market
from auctions_app.routes import SecretMode
from auctions_app.services import create_quote
from chains_app.adapters.memory import memory_key, memory_spec
from chains_app.adapters.memory_chain import MemoryChain
from chains_app.config import PolicyName
from chains_app.leases import wake
from chains_app.locks import Call, LockState, LockTerms
from chains_app.models import ChainCursor, Intent
from chains_app.outbox.worker import drain
from chains_app.poller import poll_all
from chains_app.registry import get_adapter, signing_keys, use_adapters, use_memory_chains
from chains_app.signers import SignerRole
from orchestrator.clients.models import ApiClient, Scope
from orchestrator.clients.services import create_client
from orchestrator.kernel.clock import Seconds
from orchestrator.kernel.hashlock import HashFunction, Secret
from orchestrator.queries import Given, Select
from sessions_app import services, sweeps
from sessions_app.domain.states import ENDS, Status
from sessions_app.models import Leg, Role, Session, Transition

START = Seconds(1_800_000_000)
THERE, BACK = "base:COIN->near:COIN", "near:COIN->base:COIN"
ETHER, NEAR = 10**18, 10**24
AMOUNTS = {THERE: ETHER, BACK: 1000 * NEAR}
RICH = {"base": 10**24, "near": 10**30}
MAKER, STRANGER = "maker", "stranger"
TIERS = {"head+1": 1, "final": 2}
HISTORY = 3  # blocks before START
SWEPT_EVERY = 5  # seconds, as beat has locks swept that nobody agreed on
MAKE_OLDER = """
UPDATE chains_app_attempt SET signed_at = signed_at - age, left_at = left_at - age,
    last_sent_at = last_sent_at - age, ended_at = ended_at - age
    FROM make_interval(secs => %(seconds)s) AS age;
UPDATE chains_app_intent SET wanted_since = wanted_since - age, retried_at = retried_at - age
    FROM make_interval(secs => %(seconds)s) AS age;
UPDATE chains_app_spending SET since = since - make_interval(secs => %(seconds)s)
"""
_SESSION = Select(lambda: Session.objects.filter(pk=Given("pk")))
_LEG = Select(lambda: Leg.objects.filter(session_id=Given("session"), role=Given("role")))
_PATH = Select(
    lambda: (
        Transition.objects.filter(session_id=Given("session")).order_by("seq").values_list("after")
    )
)
WHOLE_LIFE = 130  # seconds; past the source's timelock


class WallClock:
    """Stands in the kernel's clock for the module `time`."""

    def __init__(self, now: Seconds) -> None:
        self.now: float = now

    def time(self) -> float:
        return self.now


class Died(BaseException):
    """The end of a process: nothing of ours may catch it."""


class World:
    """Two chains that the test mines, a maker with a wallet, and one API client."""

    def __init__(
        self, clock: WallClock, client: ApiClient, chains: tuple[MemoryChain, ...]
    ) -> None:
        self.clock, self.client = clock, client
        self.chains = {chain.name: chain for chain in chains}
        self.exits = ExitStack()
        self.sweeps_surplus, self.swept_at = False, 0.0

    # --- time and work -----------------------------------------------------------------------
    def block(self, seconds: int = 1, *names: str) -> None:
        """Time passes, and each chain (or only the named ones) makes a block at its end."""
        self.pass_time(seconds)
        for name in names or self.chains:
            chain = self.chains[name]
            chain.mine(seconds=max(0, int(self.clock.now) - chain.head.time - chain.block_seconds))

    def pass_time(self, seconds: int) -> None:
        """On the wall, and in the ages that the outbox counts by the database's own clock."""
        self.clock.now += seconds
        with connection.cursor() as cursor:
            cursor.execute(MAKE_OLDER, {"seconds": seconds})

    def work(self) -> None:
        """Each process of the service does what is due."""
        self.poll()
        self.sweep()
        self.send()

    def poll(self) -> None:
        poll_all()

    def sweep(self) -> None:
        sweeps.advance_all_due()
        if self.sweeps_surplus and self.clock.now - self.swept_at >= SWEPT_EVERY:
            self.swept_at = self.clock.now
            sweeps.handle_surplus()

    def trust_heads_for(self, seconds: int | None) -> None:
        """From here on a head is stale when it has not advanced for so long, None: never (11)."""
        specs = {
            name: replace(memory_spec(chain), stale_after=seconds)
            for name, chain in self.chains.items()
        }
        adapters = {name: get_adapter(name) for name in self.chains}
        keys = {role: signing_keys("base", role) for role in SignerRole}
        self.exits.enter_context(use_adapters(adapters, specs, dict.fromkeys(specs, keys)))

    def read_heads(self, *, seconds_ago: int) -> None:
        """As if the heads had advanced then, and the wall clock had gone on."""
        at = datetime.fromtimestamp(self.clock.now - seconds_ago, UTC)
        ChainCursor.objects.update(advanced_at=at, time=int(self.clock.now))

    def send(self) -> None:
        """The outbox, its pauses over."""
        wake(Intent, "due_at IS NOT NULL")
        drain()

    def live(self, seconds: int, step: int = 1) -> None:
        """Everything runs as it should; a block each `step` seconds."""
        for _ in range(0, seconds, step):
            self.block(step)
            self.work()

    def live_or_die(self) -> None:
        """A second in which a worker may die; what it had claimed is free when its lease ends."""
        try:
            self.live(1)
        except Died:
            for leased in (Intent, ChainCursor):
                leased.objects.filter(lease_expires_at__isnull=False).update(lease_expires_at=Now())

    def live_until(self, wanted: Status, session: Session) -> None:
        """Block by block, for as long as a life can last."""
        for _ in range(WHOLE_LIFE):
            if status(session) is wanted:
                return
            self.live(1)
        raise AssertionError(f"{wanted} never came: {path(session)}")

    def live_to_the_end(self, session: Session) -> None:
        """Until it has ended, and what ended it can't be reorganised away."""
        for _ in range(0, WHOLE_LIFE + 60, 5):
            self.live(5, step=5)
            if status(session) in ENDS:
                break
        self.block()
        self.block()
        self.live(1)

    # --- the client --------------------------------------------------------------------------
    def quote(self, route: str = THERE) -> UUID:
        now = Seconds(int(self.clock.now))
        quote = create_quote(
            client_id=self.client.id, route_id=route, amount=AMOUNTS[route], now=now
        )
        return quote.id

    def create(self, route: str = THERE, **changes: Any) -> Session:
        fields = {"maker_source_account": MAKER, "maker_destination_account": MAKER, **changes}
        return create_session(client=self.client, quote_id=self.quote(route), **fields)

    def execute(self, session: Session, signature: bytes | None = None) -> Session:
        """With the `signature` of its order, where the maker's wallet has signed one."""
        execution = services.prepare_execution(
            client=self.client, session_id=session.id, signature=signature
        )
        return services.execute_session(
            client=self.client, session_id=session.id, execution=execution
        )

    def cancel(self, session: Session) -> Session:
        return services.cancel_session(client=self.client, session_id=session.id)

    def post(self, session: Session, secret: Secret) -> Session:
        return services.post_secret(client=self.client, session_id=session.id, secret=secret)

    def start_by_maker(self, route: str, secret: Secret) -> Session:
        """A session in mode `maker` that waits for the lock; only the maker knows the secret."""
        hashlock = HashFunction.SHA256.digest(secret.reveal())
        return self.start(route, secret_mode=SecretMode.MAKER, hashlock=hashlock)

    def start(self, route: str = THERE, **changes: Any) -> Session:
        """A session that waits for the maker's lock."""
        session = self.execute(self.create(route, **changes))
        assert status(session) is Status.SOURCE_LOCKING
        return session

    # --- the parties' wallets ------------------------------------------------------------------
    def send_as(
        self, account: str, call: Call, terms: LockTerms, secret: Secret | None = None
    ) -> None:
        adapter, key = get_adapter(terms.chain), memory_key(account)
        prepared = adapter.prepare(call, terms, key)
        signed = adapter.sign(call, terms, prepared, key, prepared.nonce_floor, secret)
        adapter.broadcast(signed.raw)

    def lock_source(self, session: Session) -> None:
        self.send_as(MAKER, Call.LOCK, terms(session, Role.SOURCE))

    def on_chain(self, session: Session, role: Role) -> LockState:
        """The lock's state at the head, asked of the chain itself."""
        lock = terms(session, role)
        adapter = get_adapter(lock.chain)
        return adapter.read_lock(lock, adapter.head()).state

    def both_on_chain(self, session: Session) -> tuple[LockState, LockState]:
        return self.on_chain(session, Role.SOURCE), self.on_chain(session, Role.DESTINATION)

    def balances(self, *accounts: str) -> dict[tuple[str, str], int]:
        return {
            (account, name): chain.state.balance(account, None)
            for account in accounts
            for name, chain in self.chains.items()
        }


def create_session(**fields: Any) -> Session:
    """As the API does it: the chains are asked first, then the session is stored."""
    return services.store_session(services.prepare_session(**fields))


@contextmanager
def memory_world(**configuration: Any) -> Iterator[World]:
    """A world at START, whose service fills at the first price."""
    clock = WallClock(START)
    before = Seconds(START - HISTORY)
    base = MemoryChain("base", start=before, tiers=TIERS, decimals=18)
    near = MemoryChain(
        "near", start=before, tiers=TIERS, decimals=24, sequential_nonces=False, valid_for=100
    )
    for chain in (base, near):
        chain.mine(blocks=HISTORY)
        for account in (MAKER, STRANGER, "lock", "duty"):
            chain.fund(account, RICH[chain.name])
    advanced = SimpleNamespace(now=lambda: datetime.fromtimestamp(clock.now, UTC))
    with pytest.MonkeyPatch.context() as patch, use_memory_chains(base, near):
        patch.setattr("orchestrator.kernel.clock.time", clock)
        patch.setattr("chains_app.poller.timezone", advanced)  # when a head has advanced
        market = build_market(auction_configuration(**configuration), configured_chains())
        with use_market(market):
            client, _ = create_client(name="frontend", scopes=[Scope.READ, Scope.WRITE])
            world = World(clock, client, (base, near))
            poll_all()
            ChainCursor.objects.update(advanced_at=advanced.now())  # a begun one says the real time
            with world.exits:
                yield world


def auction_configuration(**changes: Any) -> AuctionConfiguration:
    fields: dict[str, Any] = {
        "policy": PolicyName.DEVNET,
        "prices": {"base:COIN": "2500", "near:COIN": "2.5"},
        "routes": (
            _route("base:COIN", "near:COIN", ETHER),
            _route("near:COIN", "base:COIN", 1000 * NEAR),
        ),
        "resolver_profit_bps": 0,
        **changes,
    }
    return AuctionConfiguration(**fields)


def _route(source: str, destination: str, amount: int) -> RouteConfiguration:
    return RouteConfiguration(
        source=source,
        destination=destination,
        minimum=str(amount // 100),
        service_maximum=str(amount * 10),
        maximum=str(amount * 100),
    )


def reload(session: Session) -> Session:
    (found,) = _SESSION.all(pk=session.pk)
    return found


def status(session: Session) -> Status:
    return reload(session).state


def terms(session: Session, role: Role) -> LockTerms:
    (leg,) = _LEG.all(session=session.pk, role=role.value)
    return leg.lock_terms


def path(session: Session) -> list[str]:
    """The states that it went through."""
    return [after for (after,) in _PATH.all(session=session.pk)]
