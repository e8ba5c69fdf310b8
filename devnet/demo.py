"""`make demo`: everything on a devnet, and a swap each way through the public API, with a wallet.

Exit code 0 only if both swaps completed and every balance is explained to the last unit.
"""

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_account import Account

from devnet.api import Api, ApiError
from devnet.bare_swap import bare_swap_seconds
from devnet.ledger import Parts, base_changes, near_changes
from devnet.network import BlockTimes, Devnet
from devnet.processes import StartError
from devnet.service import Service
from devnet.wallets import BaseWallet, NearWallet

UNITS = {"base": ("ETH", 18), "near": ("NEAR", 24)}
# the resolver takes the auction's first price, so that a swap's time is the service's own
SETTINGS = {"RESOLVER_PROFIT_BPS": "0"}
# the source chain, and what each leg locks in base units
BARE_SWAPS = (("base", (10**17, 10**26)), ("near", (10**26, 10**17)))


def say(text: str = "") -> None:
    """A line for the person who watches, at once."""
    print(text, flush=True)  # noqa: T201


@dataclass(frozen=True)
class Party:
    """An account and the role that it plays, on one chain."""

    chain: str
    account: str
    role: str


class Demo:
    """One maker, one service, both chains."""

    def __init__(self, devnet: Devnet, service: Service) -> None:
        env = devnet.environment
        self._devnet = devnet
        key = service.manage("create_api_client", "demo", "--scopes", "read", "write").strip()
        self._api = Api(service.url, key)
        self._base = BaseWallet(env["BASE_RPC_URL"], env["MAKER_BASE_KEY"])
        self._near = NearWallet(
            env["NEAR_RPC_URL"], env["MAKER_NEAR_ACCOUNT"], env["MAKER_NEAR_KEY"]
        )
        self._wallets: dict[str, BaseWallet | NearWallet] = {"base": self._base, "near": self._near}
        self._seconds: list[float] = []
        self._accounts = {"base": self._base.address, "near": self._near.account}
        self._parties = [
            Party("base", self._base.address, "maker"),
            Party("base", Account.from_key(env["BASE_LOCK_KEY"]).address, "lock account"),
            Party("base", Account.from_key(env["BASE_DUTY_KEY"]).address, "duty account"),
            Party("near", self._near.account, "maker"),
            Party("near", env["NEAR_LOCK_ACCOUNT"], "lock account"),
            Party("near", env["NEAR_DUTY_ACCOUNT"], "duty account"),
        ]

    def close(self) -> None:
        """Close all connections."""
        for one in (self._api, self._base, self._near):
            one.close()

    def run(self) -> bool:
        """Both swaps, then the table; whether all is as it should be."""
        heights, before = self._devnet.heights(), self._balances()
        ends = [self._swap("base", "near", 10**17), self._swap("near", "base", 100 * 10**24)]
        self._show_overhead()
        say("\nwaiting until everything is final on both chains")
        self._devnet.wait_blocks(4)
        after, changes = self._balances(), self._changes(heights)
        explained = [self._explain(party, before, after, changes) for party in self._parties]
        say(f"\nswaps completed: {ends.count('completed')} of {len(ends)}")
        say(f"balances explained: {explained.count(True)} of {len(explained)}")
        return ends == ["completed", "completed"] and all(explained)

    def _swap(self, source: str, destination: str, amount: int) -> str:
        """One swap as a frontend and a wallet do it; returns the status that it ended in."""
        began = time.monotonic()
        route = self._route(source, destination)
        say(f"\n{route['routeId']}: {show(source, amount)}")
        quote = self._api.post("/quote", routeId=route["routeId"], amount=str(amount))
        least = show(destination, int(quote["endAmount"]))
        say(f"  quote    {quote['quoteId']}: {show(destination, int(quote['startAmount']))}")
        say(f"           at the auction's start, not less than {least}")
        session = self._api.post(
            "/sessions",
            quoteId=quote["quoteId"],
            makerSourceAccount=self._accounts[source],
            makerDestinationAccount=self._accounts[destination],
        )
        self._session = f"/sessions/{session['sessionId']}"
        self._printed: set[str] = set()
        say(f"  session  {session['sessionId']}")
        self._api.post(f"{self._session}/execute")
        status = "initialized"
        for update in self._api.follow(session):
            status = update["status"]
            say(f"  {time.monotonic() - began:5.1f} s  {status:<20} {update['data']['reason']}")
            self._after(status, source)
        self._seconds.append(time.monotonic() - began)
        self._print_transactions()
        return status

    def _show_overhead(self) -> None:
        """The service's swaps against a bare script's four transactions, on the same chains."""
        bare = sum(bare_swap_seconds(self._devnet.environment, *one) for one in BARE_SWAPS)
        ratio = sum(self._seconds) / bare
        say(f"\nboth swaps took {sum(self._seconds):.1f} s; a bare script that sends the same four")
        say(f"transactions and waits for the same confirmations {bare:.1f} s: overhead {ratio:.2f}")

    def _after(self, status: str, source: str) -> None:
        """What a frontend does at an update: send what the wallet is asked for, show the hashes."""
        if status == "source_locking":
            for transaction in self._api.get(self._session)["walletTransactions"]:
                say(
                    f"           the maker's wallet sends {self._wallets[source].send(transaction)}"
                )
        self._print_transactions()

    def _print_transactions(self) -> None:
        for leg in self._api.get(self._session)["legs"]:
            for transaction in leg["transactions"]:
                line = f"{leg['chain']:<5} {transaction['call']} {transaction['hash']}"
                if transaction["isOurs"] and line not in self._printed:
                    self._printed.add(line)
                    say(f"           {line}")

    def _route(self, source: str, destination: str) -> dict[str, Any]:
        routes: list[dict[str, Any]] = self._api.get("/routes")["items"]
        return next(
            route
            for route in routes
            if (route["source"]["chain"], route["destination"]["chain"]) == (source, destination)
        )

    def _balances(self) -> dict[Party, int]:
        return {party: self._balance(party) for party in self._parties}

    def _balance(self, party: Party) -> int:
        if party.chain == "near":
            return self._devnet.near.client.balance(party.account)
        return int(self._devnet.anvil.rpc.call("eth_getBalance", party.account, "latest"), 16)

    def _changes(self, heights: tuple[int, int]) -> Parts:
        of = {chain: [p.account for p in self._parties if p.chain == chain] for chain in UNITS}
        base = base_changes(self._devnet.anvil.rpc, of["base"], heights[0])
        return base | near_changes(self._devnet.near.client.rpc, of["near"], heights[1])

    def _explain(
        self, party: Party, before: dict[Party, int], after: dict[Party, int], changes: Parts
    ) -> bool:
        change, parts = after[party] - before[party], changes[party.account]
        fits = sum(parts.values()) == change
        say(f"\n{party.chain} {party.role} {party.account}")
        say(f"  before   {show(party.chain, before[party])}")
        for reason, amount in parts.items():
            say(f"  {reason:<8} {show(party.chain, amount, sign=True)}")
        say(f"  after    {show(party.chain, after[party])}  {'ok' if fits else 'NOT EXPLAINED'}")
        return fits


def show(chain: str, amount: int, *, sign: bool = False) -> str:
    """An amount of the chain's coin with all its decimals."""
    unit, decimals = UNITS[chain]
    whole, rest = divmod(abs(amount), 10**decimals)
    prefix = "-" if amount < 0 else "+" if sign else ""
    return f"{prefix}{whole}.{rest:0{decimals}d} {unit}"


@contextmanager
def running_service() -> Iterator[tuple[Devnet, Service]]:
    """A devnet with timed blocks and the service on it."""
    with Devnet(BlockTimes()) as devnet, tempfile.TemporaryDirectory() as folder:
        service = Service(Path(folder), devnet.environment | SETTINGS)
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
