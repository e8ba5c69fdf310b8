"""`make demo`: everything on a devnet, and swaps through the public API with the maker's wallets.

Coins each way by the wallet, then a token without gas and with the maker's own secret. Exit code 0
only if all completed and every balance is explained to the last unit.
"""

import hashlib
import json
import secrets
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any

from chains_app.adapters.evm_accounts import Account
from devnet.api import Api, ApiError
from devnet.bare_swap import bare_swap_seconds
from devnet.evm import call_data
from devnet.ledger import Holding, Parts, base_changes, near_changes
from devnet.network import BlockTimes, Devnet
from devnet.processes import StartError
from devnet.service import Service
from devnet.wallets import BaseWallet, NearWallet

DECIMALS = {"ETH": 18, "NEAR": 24, "USDC": 6}
# the resolver takes the auction's first price, so that a swap's time is the service's own
SETTINGS = {"RESOLVER_PROFIT_BPS": "0"}
# the source chain, and what each leg locks in base units
BARE_SWAPS = (("base", (10**17, 10**26)), ("near", (10**26, 10**17)))


def say(text: str = "") -> None:
    """A line for the person who watches, at once."""
    print(text, flush=True)  # noqa: T201


@dataclass(frozen=True)
class Party:
    """An account, the role that it plays on one chain, and what it holds."""

    chain: str
    account: str
    role: str
    symbol: str
    token: str | None = None

    @property
    def holding(self) -> Holding:
        """As the ledger names it."""
        return self.account, self.token


class Demo:
    """One maker, one service, both chains."""

    def __init__(self, devnet: Devnet, service: Service) -> None:
        env = devnet.environment
        self._devnet = devnet
        key = service.create_client("demo")
        self._api = Api(service.url, key)
        self._base = BaseWallet(env["BASE_RPC_URL"], env["MAKER_BASE_KEY"])
        self._near = NearWallet(
            env["NEAR_RPC_URL"], env["MAKER_NEAR_ACCOUNT"], env["MAKER_NEAR_KEY"]
        )
        self._wallets: dict[str, BaseWallet | NearWallet] = {"base": self._base, "near": self._near}
        self._seconds: list[float] = []
        self._accounts = {"base": self._base.address, "near": self._near.account}
        self._parties = list(parties(env, self._accounts))

    def close(self) -> None:
        """Close all connections."""
        for one in (self._api, self._base, self._near):
            one.close()

    def run(self) -> bool:
        """All swaps, then the table; whether all is as it should be."""
        heights, before = self._devnet.heights(), self._balances()
        ends = [self._by_wallet("base:ETH->near:NEAR", 10**17)]
        ends += [self._by_wallet("near:NEAR->base:ETH", 100 * 10**24)]
        self._show_overhead()
        ends += [self._without_gas("base:USDC->near:USDC", 250 * 10**6)]
        say("\nwaiting until everything is final on both chains")
        self._devnet.wait_blocks(4)
        after, changes = self._balances(), self._changes(heights)
        explained = [self._explain(party, before, after, changes) for party in self._parties]
        say(f"\nswaps completed: {ends.count('completed')} of {len(ends)}")
        say(f"balances explained: {explained.count(True)} of {len(explained)}")
        return ends == ["completed"] * 3 and all(explained)

    def _by_wallet(self, route_id: str, amount: int) -> str:
        """The maker's own wallet locks, and we draw the secret; the status that it ended in."""
        began = time.monotonic()
        session = self._create(route_id, amount)
        self._api.post(f"{self._session}/execute")
        wallet = self._wallets[route_id.split(":")[0]]
        status = self._follow(session, began, {"source_locking": lambda: self._lock_by(wallet)})
        self._seconds.append(time.monotonic() - began)
        return status

    def _without_gas(self, route_id: str, amount: int) -> str:
        """The maker signs an order and a permit, sends nothing, and keeps the secret until both
        locks are final.
        """
        began, secret = time.monotonic(), secrets.token_bytes(32)
        own = {"secretMode": "maker", "hashlock": "0x" + hashlib.sha256(secret).hexdigest()}
        session = self._create(route_id, amount, lock_mode="gasless", **own)
        self._sign_order(session, amount)
        say("           the maker signed the order and a permit, and sends no transaction")
        return self._follow(session, began, {"both_locked": lambda: self._post(secret)})

    def _sign_order(self, session: dict[str, Any], amount: int) -> None:
        """Execute a gasless session, with an allowance by permit."""
        source, deadline = session["legs"][0], int(time.time()) + 3600
        permit = self._base.sign_permit(source["token"], source["contract"], amount, deadline)
        self._api.post(
            f"/sessions/{session['sessionId']}/execute",
            signature=self._base.sign_typed_data(session["order"]),
            permit={"value": str(amount), "deadline": str(deadline), "signature": permit},
        )

    def _create(
        self, route_id: str, amount: int, lock_mode: str = "wallet", **secret: str
    ) -> dict[str, Any]:
        """A quote and a session, as a frontend asks for them."""
        route = self._route(route_id)
        source, destination = route["source"], route["destination"]
        say(f"\n{route_id}: {show(source['symbol'], amount)}, lock mode {lock_mode}")
        quote = self._api.post("/quote", routeId=route_id, amount=str(amount), lockMode=lock_mode)
        best, least = (
            show(destination["symbol"], int(quote[name])) for name in ("startAmount", "endAmount")
        )
        say(f"  quote    {quote['quoteId']}: {best}")
        say(f"           at the auction's start, not less than {least}")
        session: dict[str, Any] = self._api.post(
            "/sessions",
            quoteId=quote["quoteId"],
            makerSourceAccount=self._accounts[source["chain"]],
            makerDestinationAccount=self._accounts[destination["chain"]],
            **secret,
        )
        self._session = f"/sessions/{session['sessionId']}"
        self._printed: set[str] = set()
        say(f"  session  {session['sessionId']}")
        return session

    def _follow(
        self, session: dict[str, Any], began: float, doing: dict[str, Callable[[], None]]
    ) -> str:
        """Show each step with its hashes, and do what the maker does at some of them."""
        status = "initialized"
        for update in self._api.follow(session):
            status = update["status"]
            say(f"  {time.monotonic() - began:5.1f} s  {status:<20} {update['data']['reason']}")
            if status in doing:
                doing[status]()
            self._print_transactions()
        return status

    def _show_overhead(self) -> None:
        """The service's swaps against a bare script's four transactions, on the same chains."""
        bare = sum(bare_swap_seconds(self._devnet.environment, *one) for one in BARE_SWAPS)
        ratio = sum(self._seconds) / bare
        say(f"\nthe two swaps took {sum(self._seconds):.1f} s; a bare script that sends the same")
        say(f"transactions and waits for the same finality, {bare:.1f} s: overhead {ratio:.2f}")

    def _lock_by(self, wallet: BaseWallet | NearWallet) -> None:
        asked = self._api.get(self._session)["walletTransactions"]
        for transaction_hash in wallet.send_in_order(asked):
            say(f"           the maker's wallet sends {transaction_hash}")

    def _post(self, secret: bytes) -> None:
        self._api.post(f"{self._session}/secret", secret="0x" + secret.hex())
        say("           the maker posted the secret")

    def _print_transactions(self) -> None:
        for leg in self._api.get(self._session)["legs"]:
            for transaction in leg["transactions"]:
                line = f"{leg['chain']:<5} {transaction['call']} {transaction['hash']}"
                if transaction["isOurs"] and line not in self._printed:
                    self._printed.add(line)
                    say(f"           {line}")

    def _route(self, route_id: str) -> dict[str, Any]:
        routes: list[dict[str, Any]] = self._api.get("/routes")["items"]
        return next(route for route in routes if route["routeId"] == route_id)

    def _balances(self) -> dict[Party, int]:
        return {party: self._balance(party) for party in self._parties}

    def _balance(self, party: Party) -> int:
        near, rpc = self._devnet.near.client, self._devnet.anvil.rpc
        if party.token is None and party.chain == "near":
            return near.balance(party.account)
        if party.token is None:
            return int(rpc.call("eth_getBalance", party.account, "latest"), 16)
        if party.chain == "near":
            return int(near.view(party.token, "ft_balance_of", {"account_id": party.account}))
        data = call_data("balanceOf(address)", party.account)
        return int(rpc.call("eth_call", {"to": party.token, "data": data}, "latest"), 16)

    def _changes(self, heights: tuple[int, int]) -> Parts:
        base, near = (
            [party.holding for party in self._parties if party.chain == chain]
            for chain in ("base", "near")
        )
        changes = base_changes(self._devnet.anvil.rpc, base, heights[0])
        return changes | near_changes(self._devnet.near.client.rpc, near, heights[1])

    def _explain(
        self, party: Party, before: dict[Party, int], after: dict[Party, int], changes: Parts
    ) -> bool:
        change, parts = after[party] - before[party], changes[party.holding]
        fits = sum(parts.values()) == change
        say(f"\n{party.chain} {party.role} {party.account}")
        say(f"  before   {show(party.symbol, before[party])}")
        for reason, amount in filter(itemgetter(1), parts.items()):
            say(f"  {reason:<8} {show(party.symbol, amount, sign=True)}")
        say(f"  after    {show(party.symbol, after[party])}  {'ok' if fits else 'NOT EXPLAINED'}")
        return fits


def parties(env: Mapping[str, str], makers: Mapping[str, str]) -> Iterator[Party]:
    """Whose balances are explained: both coins of makers and lock accounts, the duties' gas."""
    accounts = {
        "base": ("ETH", makers["base"], *_addresses(env, "BASE_LOCK_KEY", "BASE_DUTY_KEY")),
        "near": ("NEAR", makers["near"], env["NEAR_LOCK_ACCOUNT"], env["NEAR_DUTY_ACCOUNT"]),
    }
    tokens = {"base": ("BASE_TOKENS", "address"), "near": ("NEAR_TOKENS", "account")}
    for chain, (coin, maker, lock, duty) in accounts.items():
        variable, name = tokens[chain]
        (token,) = json.loads(env[variable])
        for account, role in ((maker, "maker"), (lock, "lock account")):
            yield Party(chain, account, role, coin)
            yield Party(chain, account, role, token["symbol"], token[name])
        yield Party(chain, duty, "duty account", coin)


def _addresses(env: Mapping[str, str], *names: str) -> list[str]:
    return [str(Account.from_key(env[name]).address) for name in names]


def show(symbol: str, amount: int, *, sign: bool = False) -> str:
    """An amount of a coin with all its decimals."""
    decimals = DECIMALS[symbol]
    whole, rest = divmod(abs(amount), 10**decimals)
    prefix = "-" if amount < 0 else "+" if sign else ""
    return f"{prefix}{whole}.{rest:0{decimals}d} {symbol}"


@contextmanager
def running_service(settings: Mapping[str, str] = SETTINGS) -> Iterator[tuple[Devnet, Service]]:
    """A devnet with timed blocks and the service on it, with these variables beside its own."""
    with Devnet(BlockTimes()) as devnet, tempfile.TemporaryDirectory() as folder:
        service = Service(Path(folder), {**devnet.environment, **settings})
        try:
            yield devnet, service
        finally:
            service.stop()


def main() -> int:
    """Run the demo; the exit code."""
    say("starting PostgreSQL, Redis, both chains, and the service")
    began = time.monotonic()
    try:
        with running_service() as (devnet, service):
            say(f"up after {time.monotonic() - began:.1f} s at {service.url}")
            with closing(Demo(devnet, service)) as demo:
                good = demo.run()
    except (StartError, ApiError, TimeoutError) as error:
        print(f"the demo failed: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
