"""A world with a token on each chain, one as an ERC-20 is, one as a NEP-141 on the HTLC is."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from typing import Any

from auctions_app.config import AuctionConfiguration, RouteConfiguration
from auctions_app.market import build_market, configured_chains, use_market
from auctions_app.routes import LockMode
from auctions_app.services import create_quote
from chains_app.adapters.memory import memory_spec
from chains_app.adapters.memory_contract import order_signature
from chains_app.adapters.memory_tokens import MemoryToken
from chains_app.config import PolicyName
from chains_app.locks import Call
from chains_app.registry import get_adapter, signing_keys, use_adapters
from chains_app.signers import SignerRole
from orchestrator.kernel.clock import Seconds
from sessions_app.gasless import order_of
from sessions_app.models import Role, Session
from sessions_app.selectors import wallet_transactions
from tests.integration.sessions.world import ETHER, MAKER, NEAR, World, create_session, terms

TOKEN, USDC = "usdc", 10**6
REGISTRATION, STORAGE = 7, 11
TOKENS = {
    "base": MemoryToken(decimals=6, needs_approval=True, takes_orders=True),
    "near": MemoryToken(
        decimals=6, needs_preparation=True, registration=REGISTRATION, storage=STORAGE
    ),
}
# 2,500 dollars of each coin
AMOUNTS = {"base:COIN": ETHER, "near:COIN": 1000 * NEAR, "base:USDC": 2500 * USDC,
           "near:USDC": 2500 * USDC}  # fmt: skip
ROUTES = [
    f"{source}->{destination}"
    for source, destination in product(AMOUNTS, AMOUNTS)
    if source[:4] != destination[:4] and "USDC" in source + destination
]
NEWCOMER = "newcomer"  # exists, and no token knows it


def configuration() -> AuctionConfiguration:
    routes = [
        RouteConfiguration(
            source=source,
            destination=destination,
            minimum=str(AMOUNTS[source] // 100),
            service_maximum=str(AMOUNTS[source] * 10),
            maximum=str(AMOUNTS[source] * 100),
        )
        for source, destination in (route.split("->") for route in ROUTES)
    ]
    prices = {"base:COIN": "2500", "near:COIN": "2.5", "base:USDC": "1", "near:USDC": "1"}
    return AuctionConfiguration(
        policy=PolicyName.DEVNET, prices=prices, routes=tuple(routes), resolver_profit_bps=0
    )


@contextmanager
def with_tokens(world: World) -> Iterator[World]:
    """The world, with one token on each chain in both parties' hands."""
    for name, chain in world.chains.items():
        chain.tokens[TOKEN] = TOKENS[name]
        for account in (MAKER, "lock"):
            chain.fund(account, 10**15, TOKEN)
        chain.fund(NEWCOMER, 0)
    adapters = {name: get_adapter(name) for name in world.chains}
    specs = {name: memory_spec(chain) for name, chain in world.chains.items()}
    keys = {role: signing_keys("base", role) for role in SignerRole}
    with (
        use_adapters(adapters, specs, dict.fromkeys(specs, keys)),
        use_market(build_market(configuration(), configured_chains())),
    ):
        yield world


def create(
    world: World, route: str, receiver: str = MAKER, mode: LockMode = LockMode.WALLET, **more: Any
) -> Session:
    """A session over 2,500 dollars."""
    amount, now = AMOUNTS[route.split("->", maxsplit=1)[0]], Seconds(int(world.clock.now))
    quote = create_quote(
        client_id=world.client.id, route_id=route, amount=amount, now=now, lock_mode=mode
    )
    return create_session(
        client=world.client,
        quote_id=quote.id,
        maker_source_account=MAKER,
        maker_destination_account=receiver,
        **more,
    )


def start(world: World, route: str, receiver: str = MAKER, **more: Any) -> Session:
    """The same, waiting for the maker's own lock."""
    return world.execute(create(world, route, receiver, **more))


def sign(session: Session, account: str = MAKER) -> bytes:
    """The signature of a gasless session's order."""
    return order_signature(order_of(session), account)


def start_gasless(world: World, route: str, **more: Any) -> Session:
    """A session that waits for its lock, which is ours to make."""
    session = create(world, route, mode=LockMode.GASLESS, **more)
    world.send_as(MAKER, Call.APPROVE, terms(session, Role.SOURCE))
    world.block(1, terms(session, Role.SOURCE).chain)
    return world.execute(session, sign(session))


def lock_source(world: World, session: Session) -> None:
    """By the maker's wallet, which sends what it is asked for, block by block."""
    lock = terms(session, Role.SOURCE)
    for wanted in wallet_transactions(session):
        world.send_as(MAKER, Call(wanted["call"]), lock)
        world.block(1, lock.chain)


def holdings(world: World) -> Counter[tuple[str, str]]:
    return Counter({
        (account, chain.name): chain.state.balance(account, TOKEN)
        for account in (MAKER, "lock", "duty", "escrows")
        for chain in world.chains.values()
    })  # fmt: skip
